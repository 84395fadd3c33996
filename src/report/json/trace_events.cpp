// SPDX-License-Identifier: MIT
#include "report/json/trace_events.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace nmisim {

std::string trace_microseconds(std::uint64_t ns)
{
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
}

std::string json_escaped(std::string_view text)
{
    const std::string quoted = json_quoted(text);
    return quoted.substr(1, quoted.size() - 2);
}

trace_events::trace_events(const json_value& other)
    : out_("{\"displayTimeUnit\":\"ns\",\"otherData\":" + other.dump() + ",\n\"traceEvents\":[")
{}

void trace_events::begin()
{
    out_ += is_first_ ? "\n" : ",\n";
    is_first_ = false;
}

void trace_events::name_process(int process, const std::string& name)
{
    begin();
    out_ += fmt::format("{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":{}}}}}",
                        process, json_quoted(name));
}

void trace_events::name_row(int process, int row, const std::string& name)
{
    for (const auto& [what, value] :
         {std::pair{"thread_name", "\"name\":" + json_quoted(name)},
          std::pair{"thread_sort_index", fmt::format("\"sort_index\":{}", row)}}) {
        begin();
        out_ += fmt::format("{{\"ph\":\"M\",\"name\":\"{}\",\"pid\":{},\"tid\":{},\"args\":{{{}}}}}", what,
                            process, row, value);
    }
}

void trace_events::event(char phase, std::string_view name, std::uint64_t at_ns, int process, int row,
                         std::string_view more)
{
    begin();
    fmt::format_to(std::back_inserter(out_),
                   "{{\"ph\":\"{}\",\"name\":\"{}\",\"ts\":{},\"pid\":{},\"tid\":{}{}}}", phase, name,
                   trace_microseconds(at_ns), process, row, more);
}

std::string trace_events::text() &&
{
    return std::move(out_) + "\n]}\n";
}

} // namespace nmisim
