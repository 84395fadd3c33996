// SPDX-License-Identifier: MIT
//
// `nmi-sim list [TOPIC]...`: the catalogue, for people and (--names) for scripts and completions.
#include "cli/exit_code.hpp"
#include "cli/options/value.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

namespace {

std::vector<const catalog_topic*> chosen_topics(const std::vector<std::string>& words)
{
    const std::vector<std::string> names = names_in(all_topics());
    std::vector<const catalog_topic*> chosen;
    for (const std::string& w : words.empty() ? names : words)
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

int list_verb(const settings& s, const invocation&)
{
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
