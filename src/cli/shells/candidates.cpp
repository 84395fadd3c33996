// SPDX-License-Identifier: MIT
#include "cli/options/option_table.hpp"
#include "cli/shells/completions.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

namespace {

/// Those that begin as `typed` does, with `before` put in front of each.
class offer {
public:
    explicit offer(std::string_view typed, std::string_view before = {}) : typed_(typed), before_(before) {}
    void add(std::string_view word, std::string_view description = {})
    {
        if (word.starts_with(typed_))
            text_ += fmt::format("{}{}{}{}\n", before_, word, description.empty() ? "" : "\t", description);
    }
    std::string text() && { return std::move(text_); }

private:
    std::string_view typed_;
    std::string_view before_;
    std::string text_;
};

/// A placeholder is cut, so that its value can be typed: "slow:".
std::string_view without_placeholder(std::string_view name)
{
    const std::size_t colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(0, colon + 1);
}

/// Whether several words can stand there, with commas between.
bool takes_several(const option_spec& option)
{
    return option.metavar.find("[,") != std::string_view::npos;
}

bool is_given(std::string_view given, std::string_view word)
{
    return fmt::format(",{}", given).find(fmt::format(",{},", word)) != std::string::npos;
}

/// exec has metrics of its own.
std::string_view topic_of(const option_spec& option, verb_set verb)
{
    return option.name == "fail-if" && verb != for_run ? "exec-metrics" : option.topic;
}

std::string values_of(const option_spec& option, verb_set verb, std::string_view typed)
{
    if (option.kind == value_kind::file)
        return ":file\n";
    const std::size_t comma = takes_several(option) ? typed.rfind(',') : std::string_view::npos;
    const std::string_view given = comma == std::string_view::npos ? "" : typed.substr(0, comma + 1);
    offer found(typed.substr(given.size()), given);
    if (const catalog_topic* const topic = find_topic(topic_of(option, verb)); topic != nullptr)
        for (const catalog_entry& e : topic->entries())
            if (const std::string_view word = without_placeholder(e.name); !is_given(given, word))
                found.add(word, e.text);
    if (option.name == "flavor" && verb == for_explore)
        found.add("all");
    return std::move(found).text();
}

/// The option that `word` names, as --name, -n or the verb's; nullptr if it is none that takes a value.
const option_spec* awaits_value(std::string_view word, verb_set verb)
{
    for (const option_spec& o : all_options())
        if (o.is_for(verb) && !o.is_flag() &&
            (word == fmt::format("--{}", o.name) || (o.letter != 0 && word == fmt::format("-{}", o.letter))))
            return &o;
    return nullptr;
}

void add_options(offer& found, verb_set verb)
{
    for (const option_spec& o : all_options())
        if (o.is_for(verb))
            found.add(fmt::format("--{}", o.name), o.help);
}

/// What a verb takes that has no options of its own.
std::string for_helper(const verb_info& verb, std::size_t place, std::string_view typed)
{
    offer found(typed);
    if (place == 0 && verb.name == "help")
        for (const auto verbs : {all_verbs(), helper_verbs()})
            for (const verb_info& v : verbs)
                found.add(v.name, v.summary);
    if (place == 0 && verb.name == "completions")
        for (const shell& s : all_shells())
            found.add(s.name);
    return std::move(found).text();
}

} // namespace

std::string candidates(std::span<const std::string> words)
{
    if (words.empty())
        return {};
    const verb_info* verb = words.size() > 1 ? find_verb(words.front()) : nullptr;
    if (verb != nullptr)
        words = words.subspan(1);
    else
        verb = &default_verb();
    const std::string_view typed = words.back();
    words = words.first(words.size() - 1);
    if (verb->id == for_none)
        return for_helper(*verb, words.size(), typed);

    // bash hands `--name=value` on as three words, the others as one.
    if (typed == "=" && !words.empty())
        if (const option_spec* const option = awaits_value(words.back(), verb->id))
            return values_of(*option, verb->id, "");
    if (words.size() > 1 && words.back() == "=")
        words = words.first(words.size() - 1);
    if (!words.empty())
        if (const option_spec* const option = awaits_value(words.back(), verb->id);
            option != nullptr && !option->value_can_be_left_out())
            return values_of(*option, verb->id, typed);
    if (const std::size_t equals = typed.find('='); equals != std::string_view::npos)
        if (const option_spec* const option = awaits_value(typed.substr(0, equals), verb->id)) {
            std::string text;
            const std::string values = values_of(*option, verb->id, typed.substr(equals + 1));
            if (values == ":file\n")
                return values;
            for (std::size_t at = 0; at < values.size(); at = values.find('\n', at) + 1)
                text += fmt::format("{}{}", typed.substr(0, equals + 1),
                                    values.substr(at, values.find('\n', at) + 1 - at));
            return text;
        }

    if (verb->id == for_exec && std::find(words.begin(), words.end(), "--") != words.end())
        return ":file\n"; // the command's words
    offer found(typed);
    if (typed.starts_with('-'))
        add_options(found, verb->id);
    else if (verb->id == for_page || verb->id == for_merge)
        return ":file\n";
    else if (verb->id == for_list)
        for (const catalog_topic& t : all_topics())
            found.add(t.name, t.title);
    else if (words.empty() && verb == &default_verb())
        for (const verb_info& v : all_verbs())
            found.add(v.name, v.summary);
    return std::move(found).text();
}

} // namespace nmisim::cli
