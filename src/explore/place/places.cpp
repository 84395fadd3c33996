// SPDX-License-Identifier: MIT
#include "explore/place/places.hpp"

#include "explore/step/stepper.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <unordered_map>

#include <cxxabi.h>

namespace nmisim::explore {

struct places::kept {
    explicit kept(const std::string& f) : files(f) {}

    const symbol_table& symbols()
    {
        if (!table.has_value())
            table.emplace(files);
        return *table;
    }

    std::string files;
    std::optional<symbol_table> table; ///< read when the first name is asked for
    struct known {
        place where;
        code_bytes code;
    };
    std::unordered_map<std::uintptr_t, known> all;
};

places::places(std::string_view maps) noexcept : maps_(maps) {}

places::~places() = default;

// What is clean asks nothing.
loaded_objects& places::objects()
{
    if (!objects_.has_value())
        objects_.emplace(maps_);
    return *objects_;
}

places::kept& places::known()
{
    static std::shared_ptr<kept> last; // reading the symbols of a program takes longer than exploring it
    if (kept_ != nullptr)
        return *kept_;
    const std::string& files = objects().files();
    if (last == nullptr || last->files != files)
        last = std::make_shared<kept>(files);
    kept_ = last;
    return *kept_;
}

const place& places::of(std::uintptr_t ip, const code_bytes& code)
{
    kept& all = known();
    const auto [at, fresh] = all.all.try_emplace(ip);
    auto& [where, known_code] = at->second;
    if (fresh) {
        where.ip = ip;
        all.symbols().find(where);
    }
    if (code.size != 0 && (code.size != known_code.size || code.byte != known_code.byte)) {
        known_code = code; // a page may hold other code in the next child
        where.instruction = disassemble(ip, code, all.symbols());
    }
    return where;
}

std::vector<place> places::of(const recording& t, const std::vector<bool>& named)
{
    std::vector<place> all;
    all.reserve(t.count);
    for (std::uint32_t i = 0; i < t.count; ++i)
        if (!named[i])
            all.emplace_back().ip = t.ip[i];
        else
            all.push_back(t.code != nullptr ? of(t.ip[i], t.code[i]) : of(t.ip[i]));
    return all;
}

namespace {

// "int f<a, b>(c const&) const" -> "f<a, b>": signatures make lines too long to read.
std::string without_signature(const std::string& full)
{
    std::size_t start = 0;
    std::size_t end = full.size();
    int depth = 0;
    for (std::size_t i = 0; i < full.size(); ++i) {
        const char c = full[i];
        if (c == '<' || c == '{')
            ++depth;
        else if (c == '>' || c == '}')
            --depth;
        else if (depth == 0 && c == ' ' && end == full.size())
            start = i + 1;
        else if (depth == 0 && c == '(' && full.compare(i, 21, "(anonymous namespace)") == 0)
            i += 20;
        else if (depth == 0 && c == '(' && i != 0) {
            end = i;
            break;
        }
    }
    const bool an_operator = full.starts_with("operator") || full.find("::operator") != full.npos;
    return an_operator || start >= end ? full : full.substr(start, end - start);
}

} // namespace

std::string demangled(const char* name)
{
    int status = 0;
    char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    std::string result = status == 0 && text != nullptr ? without_signature(text) : name;
    std::free(text);
    return result;
}

std::string name_of(const place& where)
{
    if (!where.symbol.empty())
        return fmt::format("{}+{:#x}", where.symbol, where.offset);
    if (!where.object.empty())
        return fmt::format("{}+{:#x}", where.object, where.object_offset);
    return fmt::format("{:#x}", where.ip);
}

} // namespace nmisim::explore
