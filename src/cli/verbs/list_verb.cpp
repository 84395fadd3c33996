// SPDX-License-Identifier: MIT
//
// `nmi-sim list [TOPIC]...`: the catalogue, for people and (--names) for scripts and completions.
#include "cli/exit_code.hpp"
#include "cli/options/command_line.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/options/value.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/help.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

namespace {

std::vector<const catalog_topic*> chosen_topics(const std::vector<std::string>& words)
{
    std::vector<const catalog_topic*> chosen;
    std::vector<std::string> names;
    for (const catalog_topic& t : all_topics()) {
        names.emplace_back(t.name);
        if (words.empty())
            chosen.push_back(&t);
    }
    for (const std::string& w : words)
        chosen.push_back(&all_topics()[parse_word(w, "a topic", names)]);
    return chosen;
}

std::string topic_text(const catalog_topic& topic, bool names_only)
{
    const auto entries = topic.entries();
    std::size_t width = 0;
    for (const catalog_entry& e : entries)
        width = std::max(width, e.name.size());
    std::string text = names_only ? "" : fmt::format("{}: {}\n", topic.name, topic.title);
    for (const catalog_entry& e : entries)
        text += names_only ? e.name + "\n" : fmt::format("  {:<{}}  {}\n", e.name, width, e.text);
    return text;
}

} // namespace

int list_verb(const invocation& call)
{
    const settings s = parse_command_line(for_list, call.words);
    if (s.help || s.version) {
        write_stdout(s.help ? help_text(*find_verb("list"), help_columns()) : version_text());
        return exit_pass;
    }
    std::string text;
    for (const catalog_topic* const topic : chosen_topics(s.words)) {
        if (!text.empty() && !s.names_only)
            text += '\n';
        text += topic_text(*topic, s.names_only);
    }
    write_stdout(text);
    return exit_pass;
}

} // namespace nmisim::cli
