// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"

#include "base/shown_text.hpp"
#include "cli/options/boost_options.hpp"
#include "cli/options/config_file.hpp"
#include "cli/options/usage_error.hpp"
#include "machine/limits.hpp"

#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace nmisim::cli {

namespace po = boost::program_options;

namespace {

/// "--name" of "--name=value"; the word itself otherwise.
std::string without_value(const std::string& word)
{
    return word.substr(0, word.find('='));
}

const option_spec* find_letter(char letter, verb_set verb)
{
    for (const option_spec& o : all_options())
        if (o.letter == letter && o.is_for(verb))
            return &o;
    return nullptr;
}

/// `-jx`, `-q=1`: which letter of the word it is, and why.
void refuse_letters(std::string_view word, verb_set verb)
{
    for (std::size_t i = 1; i < word.size(); ++i) {
        if (word[i] == '=' && i > 1)
            throw usage_error("option '-{}' takes no value", word[i - 1]);
        if (find_letter(word[i], verb) != nullptr)
            continue;
        if (const option_spec* const elsewhere = find_letter(word[i], for_all); elsewhere != nullptr)
            throw usage_error("unrecognized option '-{}'{}", word[i],
                              option_hint(elsewhere->name, verb, "--"));
        if (i > 1)
            throw usage_error("unrecognized option '-{}' in '{}'", shown(word.substr(i, 1)), shown(word));
    }
}

[[noreturn]] void refuse_unknown(const po::error_with_option_name& e, verb_set verb)
{
    const std::string word = e.get_option_name();
    const std::string typed = without_value(word);
    if (find_option(std::string_view(typed).substr(std::min<std::size_t>(1, typed.size()))) == nullptr &&
        !word.starts_with("--"))
        refuse_letters(word, verb);
    const std::string bare = typed.substr(std::min(typed.find_first_not_of('-'), typed.size()));
    throw usage_error("unrecognized option '{}'{}", shown(typed), option_hint(bare, verb, "--"));
}

std::string syntax_text(const po::invalid_command_line_syntax& e)
{
    using po::invalid_syntax;
    const std::string option = shown(without_value(e.get_option_name()));
    switch (e.kind()) {
    case invalid_syntax::missing_parameter:
    case invalid_syntax::empty_adjacent_parameter: return fmt::format("option '{}' needs a value", option);
    case invalid_syntax::extra_parameter: return fmt::format("option '{}' takes no value", option);
    default: return e.what();
    }
}

/// `-rate 5` is -r with the value "ate" to every getopt; the user meant something else.
std::string single_dash_hint(const std::string& original, const option_spec& option)
{
    if (original.size() < 3 || original[0] != '-' || original[1] == '-' || option.letter == 0)
        return {};
    const option_spec* const meant = find_option(without_value(original.substr(1)));
    return meant == nullptr ? "" : fmt::format("; did you mean '--{}'?", meant->name);
}

/// `-o=x` names a file "=x" to every getopt; nobody means that.
bool is_letter_with_equals(const std::string& original)
{
    return original.size() >= 3 && original[0] == '-' && original[1] != '-' && original[2] == '=';
}

std::uint64_t seed_from_clock()
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    // Nine digits at most: to be read out and typed again.
    return (static_cast<std::uint64_t>(now.tv_sec) * 1'000'003 + static_cast<std::uint64_t>(now.tv_nsec)) %
           1'000'000'000;
}

/// Whether the word after an option is itself an option: the library would take `--output --json` as a file
/// of that name.
bool is_option_word(const std::string& word, verb_set verb)
{
    return word.starts_with("--") ||
           (word.size() == 2 && word[0] == '-' && find_letter(word[1], verb) != nullptr);
}

void check_sources(const run_config& run)
{
    const auto has = [&](source_kind kind) {
        return std::find(run.sources.begin(), run.sources.end(), kind) != run.sources.end();
    };
    const auto refuse_above = [&](source_kind kind, double most_hz) {
        if (has(kind) && run.inject.rate_hz > most_hz)
            throw usage_error("--source {} takes a --rate of at most {:.0f}k", name_of(kind), most_hz / 1e3);
    };
    if (run.inject.rate_max && run.sources != std::vector{source_kind::sigqueue})
        throw usage_error("--rate max is for --source sigqueue alone: the others need NMIs per second");
    if (run.inject.arrival != arrival::periodic && !has(source_kind::sigqueue))
        throw usage_error("--arrival is for --source sigqueue: the others are periodic");
    refuse_above(source_kind::timer, most_timer_hz);
    refuse_above(source_kind::perf, most_perf_hz);
}

/// What follows from several options together, or from the machine.
void resolve(settings& s)
{
    const int allowed = allowed_cpus();
    s.run.machine.cpus = s.cpus.value_or(std::max(allowed - 1, 1));
    s.run.machine.pin = s.affinity == affinity::automatic && allowed > s.run.machine.cpus;
    s.run.seed = s.seed.value_or(seed_from_clock());
    s.run.inject.seed = s.run.seed;
    // A page does without a timeline where there is none: of NMIs that interrupt NMIs.
    const bool nmis_nest =
        s.run.machine.nesting != nesting::blocked || info_of(s.run.fault).widened_by.nested_nmis;
    if (!s.trace_file.empty() || (!s.report_file.empty() && !nmis_nest))
        s.run.trace_limit = s.trace_limit;
    if (s.run.inject.rate_max && s.run.inject.arrival != arrival::periodic)
        throw usage_error(
            "--arrival needs a --rate in NMIs per second: 'max' leaves no time between arrivals");
    check_sources(s.run);
}

struct split_words {
    std::vector<assignment> options;
    std::vector<std::string> words; ///< arguments that are not options
};

split_words split_command_line(verb_set verb, const std::vector<std::string>& words)
{
    const po::options_description description = boost_description(verb);
    po::parsed_options parsed(&description);
    try {
        using namespace po::command_line_style;
        // No .positional(): words that are not options come back in `parsed`, so that we can name them.
        parsed =
            po::command_line_parser(words).options(description).style(unix_style & ~allow_guessing).run();
    } catch (const po::unknown_option& e) {
        refuse_unknown(e, verb);
    } catch (const po::invalid_command_line_syntax& e) {
        throw usage_error(syntax_text(e).c_str());
    }

    split_words result;
    for (const po::basic_option<char>& o : parsed.options) {
        if (o.position_key != -1) {
            result.words.insert(result.words.end(), o.value.begin(), o.value.end());
            continue;
        }
        const option_spec& option = *find_option(o.string_key);
        if (!option.value_can_be_left_out() && o.original_tokens.size() == 2 &&
            is_option_word(o.original_tokens[1], verb))
            throw usage_error("option '--{}' needs a value", option.name);
        const std::string original = o.original_tokens.empty() ? "" : o.original_tokens.front();
        if (is_letter_with_equals(original))
            throw usage_error("'-{0}=' is not a form of '-{0}': leave out the '=', or write '--{1}={2}'",
                              option.letter, option.name, shown(original.substr(3)));
        result.options.push_back({&option,
                                  option.is_flag()  ? "true"
                                  : o.value.empty() ? ""
                                                    : o.value.front(),
                                  fmt::format("--{}", option.name), single_dash_hint(original, option)});
    }
    return result;
}

} // namespace

void apply(settings& s, const assignment& a)
{
    try {
        a.option->set(s, a.value);
    } catch (const usage_error& e) {
        throw usage_error("{}: {}{}", a.where, e.what(), a.hint);
    }
    if (!a.option->repeatable)
        std::erase_if(s.given, [&](const auto& g) { return g.first == a.option->name; });
    s.given.emplace_back(a.option->name, a.value);
}

settings parse_command_line(verb_set verb, const std::vector<std::string>& words)
{
    const split_words line = split_command_line(verb, words);
    settings s;
    s.verb = verb;
    for (const assignment& a : line.options)
        if (a.option->name == "help" || a.option->name == "version")
            apply(s, a);
    if (s.help || s.version)
        return s;

    settings named; // only to know the file
    for (const assignment& a : line.options)
        if (a.option->name == "config") {
            if (!named.config_file.empty())
                s.configs_not_read.push_back(named.config_file);
            apply(named, a);
        }
    if (!named.config_file.empty())
        for (const assignment& a : read_config_file(verb, named.config_file))
            apply(s, a);
    for (const assignment& a : line.options)
        apply(s, a);
    s.words = line.words;
    resolve(s);
    return s;
}

} // namespace nmisim::cli
