// SPDX-License-Identifier: MIT
#include "cli/options/config_file.hpp"

#include "base/shown_text.hpp"
#include "cli/options/boost_options.hpp"
#include "cli/options/input_file.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/options/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace nmisim::cli {

namespace {

constexpr std::size_t most_of_a_config = std::size_t{1} << 20;
constexpr std::size_t most_of_a_line = 4096;

bool may_stand_in_a_file(const option_spec& o)
{
    // The rest ask for something else than a run, once.
    return o.in != group::other;
}

/// What reading would change: a value ends at '#', and the blanks at both ends are none of it.
bool needs_quotes(const std::string& value)
{
    constexpr const char* blanks = " \t\r\n\v\f";
    return value.empty() || value.front() == '"' || value.find_first_of("#\n\r") != std::string::npos ||
           value.find_first_not_of(blanks) != 0 || value.find_last_not_of(blanks) + 1 != value.size();
}

std::string in_quotes(const std::string& value)
{
    std::string text = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\')
            text += '\\';
        text += c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
    }
    return text + "\"";
}

/// Takes a value in double quotes out of `line` and leaves a word in its place; nothing where the value has none.
/// In quotes \\ \" \n \r are one character each; a comment may follow the quotes.
std::optional<std::string> take_quoted(std::string& line, const std::string& where)
{
    const std::size_t equals = line.find('=');
    const std::size_t comment = line.find('#');
    const std::size_t open = equals == std::string::npos ? equals : line.find_first_not_of(" \t", equals + 1);
    if (open == std::string::npos || line[open] != '"' || comment < open)
        return std::nullopt;
    std::string value;
    std::size_t at = open + 1;
    for (; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\' && at + 1 < line.size())
            value += line[++at] == 'n' ? '\n' : line[at] == 'r' ? '\r' : line[at];
        else
            value += line[at];
    }
    const std::size_t rest = line.find_first_not_of(" \t\r", at + 1);
    if (at >= line.size() || (rest != std::string::npos && line[rest] != '#'))
        throw usage_error("{}: a value that begins with '\"' ends with one: {}", where, shown(line));
    line.resize(open);
    line += "quoted";
    return value;
}

/// One line, without its end; nothing where it says nothing.
std::optional<assignment> read_line(verb_set verb, std::string line, const std::string& where)
{
    if (line.size() > most_of_a_line)
        throw usage_error("{}: a line has at most {} bytes, this one has {}", where, most_of_a_line,
                          line.size());
    if (trimmed(line).starts_with('['))
        throw usage_error("{}: sections are not used here: {}", where, shown(line));
    const std::optional<std::string> quoted = take_quoted(line, where);
    const std::string_view text = trimmed(std::string_view(line).substr(0, line.find('#')));
    if (text.empty())
        return std::nullopt;
    const std::size_t equals = text.find('=');
    const std::string key(trimmed(text.substr(0, equals)));
    if (equals == std::string_view::npos || key.empty())
        throw usage_error("{}: not of the form 'name = value': {}", where, shown(text));
    const option_spec* const option = find_option(key);
    if (option == nullptr || !option->is_for(verb))
        throw usage_error("{}: unknown key '{}'{}", where, shown(key), option_hint(key, verb, ""));
    if (!may_stand_in_a_file(*option))
        throw usage_error("{}: '{}' works on the command line only", where, key);
    return assignment{option, quoted.value_or(std::string(trimmed(text.substr(equals + 1)))),
                      fmt::format("{}: {}", where, option->name), ""};
}

/// The values given for `o`, or its default; empty if the default is "nothing".
std::vector<std::string> values_of(const settings& s, const option_spec& o)
{
    std::vector<std::string> values;
    for (const auto& [name, value] : s.given)
        if (name == o.name)
            values.push_back(value);
    if (!values.empty())
        return values;
    if (o.name == "cpus")
        return {std::to_string(s.run.machine.cpus)};
    if (o.name == "seed")
        return {std::to_string(s.run.seed)};
    if (o.is_flag())
        return {"false"};
    if (o.fallback.empty() || o.name == "interval")
        return {};
    return {std::string(o.fallback)};
}

} // namespace

std::vector<assignment> read_config(verb_set verb, std::string_view text, const std::string& name)
{
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF"; // some editors begin a file of UTF-8 with it
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
        throw usage_error("{}:1: this is UTF-16: save it as UTF-8", shown(name));
    std::vector<assignment> all;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (auto a =
                read_line(verb, std::string(text.substr(0, end)), fmt::format("{}:{}", shown(name), number)))
            all.push_back(std::move(*a));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

std::vector<assignment> read_config_file(verb_set verb, const std::string& path)
{
    return read_config(verb, read_whole_file(path, most_of_a_config), path);
}

std::string config_text(const settings& s)
{
    std::string text;
    for (const group_info& g : all_groups) {
        std::string lines;
        for (const option_spec& o : all_options())
            if (o.in == g.id && o.is_for(for_run) && may_stand_in_a_file(o))
                for (const std::string& value : values_of(s, o))
                    lines += fmt::format("{} = {}\n", o.name, needs_quotes(value) ? in_quotes(value) : value);
        if (!lines.empty())
            text += fmt::format("{}# {}\n{}", text.empty() ? "" : "\n", g.title, lines);
    }
    return text;
}

std::string repeat_command(const settings& s)
{
    std::string text = "nmi-sim";
    for (const option_spec& o : all_options()) {
        if (!o.changes_the_run() || o.name == "seed")
            continue;
        for (const auto& [name, value] : s.given) {
            if (name != o.name || (o.is_flag() && value != "true"))
                continue;
            text += fmt::format(" --{}", name);
            if (!o.is_flag())
                text += " " + for_a_shell(value);
        }
    }
    return text + fmt::format(" --seed {}", s.run.seed);
}

} // namespace nmisim::cli
