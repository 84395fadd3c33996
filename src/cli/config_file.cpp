// SPDX-License-Identifier: MIT
#include "cli/config_file.hpp"

#include "cli/boost_options.hpp"
#include "cli/usage_error.hpp"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <fstream>
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

/// One line by itself: the library's own messages know neither file nor line.
std::vector<assignment> read_line(verb_set verb, const std::string& line, const std::string& where)
{
    const po::options_description description = boost_description(verb);
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
            result.push_back({&option, o.value.empty() ? "" : o.value.front(),
                              fmt::format("{}: {}", where, option.name), ""});
        }
    } catch (const po::error&) {
        throw usage_error(fmt::format("{}: not of the form 'name = value': {}", where, line));
    }
    return result;
}

std::string quoted(const std::string& word)
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
    std::ifstream in(path);
    if (!in)
        throw std::system_error(errno, std::generic_category(), "cannot read " + path);
    in.peek(); // a directory opens and then fails to read
    if (in.bad())
        throw std::system_error(errno, std::generic_category(), "cannot read " + path);
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
                    lines += fmt::format("{} = {}\n", o.name, value);
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
                text += " " + quoted(value);
        }
    }
    return text + fmt::format(" --seed {}", s.run.seed);
}

} // namespace nmisim::cli
