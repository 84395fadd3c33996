// SPDX-License-Identifier: MIT
#include "cli/options/config_file.hpp"

#include "cli/options/boost_options.hpp"
#include "cli/options/usage_error.hpp"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace nmisim::cli {

namespace po = boost::program_options;

namespace {

bool may_stand_in_a_file(const option_spec& o)
{
    // The rest ask for something else than a run, once.
    return o.in != group::other;
}

/// What the library would change: it cuts a value at '#' and takes blanks off both ends.
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
/// In quotes \\ \" \n \r stand for one character each; behind them may be a comment.
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
        throw usage_error(fmt::format("{}: a value that begins with '\"' ends with one: {}", where, line));
    line.resize(open);
    line += "quoted";
    return value;
}

/// One line by itself: the library's own messages know neither file nor line.
std::vector<assignment> read_line(verb_set verb, std::string line, const std::string& where)
{
    const po::options_description description = boost_description(verb);
    const std::optional<std::string> quoted = take_quoted(line, where);
    std::istringstream in(line);
    std::vector<assignment> result;
    try {
        for (const auto& o : po::parse_config_file(in, description, true).options) {
            if (o.unregistered)
                throw usage_error(fmt::format("{}: unknown key '{}'{}", where, o.string_key,
                                              option_hint(o.string_key, verb, "")));
            const option_spec& option = *find_option(o.string_key);
            if (!may_stand_in_a_file(option))
                throw usage_error(
                    fmt::format("{}: '{}' works on the command line only", where, o.string_key));
            result.push_back({&option, quoted.value_or(o.value.empty() ? "" : o.value.front()),
                              fmt::format("{}: {}", where, option.name), ""});
        }
    } catch (const po::error&) {
        throw usage_error(fmt::format("{}: not of the form 'name = value': {}", where, line));
    }
    return result;
}

std::string for_a_shell(const std::string& word)
{
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./%@";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
        return word;
    std::string text = "'";
    for (const char c : word)
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

/// The values given for `o`, or what stands in for them; empty when the default is "nothing".
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

std::vector<assignment> read_config(verb_set verb, std::istream& in, const std::string& name)
{
    std::vector<assignment> all;
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        const std::string where = fmt::format("{}:{}", name, ++number);
        const std::size_t start = line.find_first_not_of(" \t");
        if (start != std::string::npos && line[start] == '[')
            throw usage_error(fmt::format("{}: sections are not used here: {}", where, line));
        for (assignment& a : read_line(verb, line, where))
            all.push_back(std::move(a));
    }
    return all;
}

std::vector<assignment> read_config_file(verb_set verb, const std::string& path)
{
    errno = 0;
    std::ifstream in(path);
    if (!in)
        throw std::system_error(errno, std::generic_category(), "cannot read " + path);
    std::error_code none;
    if (std::filesystem::is_directory(path, none)) // it opens, and what fails to read leaves no errno
        throw std::system_error(EISDIR, std::generic_category(), "cannot read " + path);
    return read_config(verb, in, path);
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
