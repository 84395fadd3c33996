// SPDX-License-Identifier: MIT
//
// The form of a timeline's file: Chrome trace events, one a line, as ui.perfetto.dev and speedscope.app read them.
// Rules, from Perfetto's importer: times are microseconds with three decimals, written from whole nanoseconds; events are in the
// order of time, an outer slice before its inner, and no slice ends exactly where the next one begins; metadata carries no time.
#pragma once

#include "report/json/json_value.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace nmisim {

std::string trace_microseconds(std::uint64_t ns);
/// As it stands between quotation marks.
std::string json_escaped(std::string_view text);

class trace_events {
public:
    /// `other`: of the whole file.
    explicit trace_events(const json_value& other);

    void name_process(int process, const std::string& name);
    void name_row(int process, int row, const std::string& name);
    /// `name` is escaped already; `more`: further members, with a comma before each.
    void event(char phase, std::string_view name, std::uint64_t at_ns, int process, int row,
               std::string_view more);
    std::string text() &&;

private:
    void begin();

    std::string out_;
    bool is_first_ = true;
};

} // namespace nmisim
