// SPDX-License-Identifier: MIT
//
// --help and --version. Boost's own printer is not used: fixed width, "arg" for every value, doubles with
// seventeen digits. Everything here comes from the verb and option tables.
#include "cli/exit_code.hpp"
#include "cli/verbs/verb.hpp"
#include "report/build_info.hpp"

#include <boost/version.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

namespace {

constexpr std::size_t text_column = 27;

/// `text` in lines of at most `columns`, the second and later ones indented; `at` is where the first starts.
std::string wrapped(std::string_view text, std::size_t at, std::size_t indent, std::size_t columns)
{
    std::string out;
    std::size_t column = at;
    bool first_on_line = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!first_on_line && column + 1 + word.size() > columns) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
            first_on_line = true;
        }
        if (!first_on_line) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        first_on_line = false;
    }
    return out + '\n';
}

std::string row(std::string left, std::string_view right, std::size_t columns,
                std::size_t column = text_column)
{
    if (left.size() + 2 > column)
        left += '\n' + std::string(column, ' ');
    else
        left.resize(column, ' ');
    return left + wrapped(right, column, column, columns);
}

std::string option_row(const option_spec& o, std::size_t columns)
{
    std::string left = o.letter == 0 ? "      " : fmt::format("  -{}, ", o.letter);
    left += fmt::format("--{}", o.name);
    left += o.shown_value();
    const std::string text =
        o.fallback.empty() ? std::string(o.help) : fmt::format("{} [{}]", o.help, o.fallback);
    return row(std::move(left), text, columns);
}

} // namespace

std::string help_text(const verb_info& verb, int wide)
{
    if (verb.id == for_none)
        return fmt::format("Usage: nmi-sim {}{}{}\n\nPrints {}.\n", verb.name,
                           verb.synopsis.empty() ? "" : " ", verb.synopsis, verb.summary);
    const auto columns = static_cast<std::size_t>(wide);
    const bool is_default = &verb == &default_verb();
    std::string text = is_default ? "Usage: nmi-sim [run] " : fmt::format("Usage: nmi-sim {} ", verb.name);
    text += std::string(verb.synopsis) + "\n";
    if (is_default)
        text += "       nmi-sim VERB [OPTION]...\n";
    text += "\n" + wrapped(verb.description, 0, 0, columns);
    if (is_default) {
        text += "\nVerbs ('nmi-sim VERB --help' tells more):\n";
        for (const verb_info& v : all_verbs())
            text += row(fmt::format("  {}", v.name), v.summary, columns);
        text += "\nAlso:\n";
        for (const verb_info& v : helper_verbs())
            text += row(fmt::format("  {} {}", v.name, v.synopsis), v.summary, columns);
    }
    for (const group_info& g : all_groups) {
        std::string rows;
        for (const option_spec& o : all_options())
            if (o.in == g.id && o.is_for(verb.id))
                rows += option_row(o, columns);
        if (!rows.empty())
            text += fmt::format("\n{}:\n{}", g.title, rows);
    }
    text += "\nTimes take ns, us, ms, s, m, h: 500us, 1.5s.\n\nExit status:\n";
    for (const exit_code_info& e : all_exit_codes)
        if (e.is_for(verb.id))
            text += row(fmt::format("  {:>3}", e.code), e.meaning, columns, 7);
    return text + fmt::format("\nExamples:\n{}", verb.examples);
}

std::string version_text()
{
    return fmt::format("nmi-sim {}\n"
                       "License MIT. There is no warranty, to the extent permitted by law.\n"
                       "Built by {}, {}, sanitizer {}; Boost {}.{}, fmt {}.{}\n",
                       tool_version, compiler_text, build_type, sanitizer_name, BOOST_VERSION / 100000,
                       BOOST_VERSION / 100 % 1000, FMT_VERSION / 10000, FMT_VERSION / 100 % 100);
}

} // namespace nmisim::cli
