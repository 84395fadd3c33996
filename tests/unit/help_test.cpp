// SPDX-License-Identifier: MIT
#include "cli/exit_code.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/verbs/catalog.hpp"
#include "cli/verbs/verb.hpp"
#include "support/text_matcher.hpp"

#include <cctype>
#include <sstream>

using namespace nmisim;
using namespace nmisim::cli;
using nmisim::test::Contains;

TEST_CASE("the help of a verb names each of its options and none of another's", "[help]")
{
    for (const verb_info& verb : all_verbs()) {
        const std::string help = help_text(verb, 80);
        for (const option_spec& o : all_options()) {
            CAPTURE(verb.name, o.name);
            std::string shown = "--" + std::string(o.name);
            if (!o.is_flag())
                shown += (o.value_can_be_left_out() ? "" : " ") + std::string(o.metavar);
            if (o.letter != 0)
                shown.insert(0, std::string("-") + o.letter + ", ");
            const std::size_t at = help.find("  " + shown);
            // an option may be the beginning of another one's name
            const bool is_there = at != std::string::npos &&
                                  std::isalpha(static_cast<unsigned char>(help[at + 2 + shown.size()])) == 0;
            CHECK(is_there == o.is_for(verb.id));
        }
    }
}

TEST_CASE("the help of a verb has the exit codes that it can end with, and one meaning of each", "[help]")
{
    for (const verb_info& verb : all_verbs()) {
        const std::string help = help_text(verb, 80);
        std::string last;
        for (const exit_code_info& e : all_exit_codes) {
            CAPTURE(verb.name, e.code, e.meaning);
            const std::string code(e.code);
            const std::string shown = "\n" + std::string(5 - code.size(), ' ') + code + "  ";
            CHECK((help.find(shown + std::string(e.meaning.substr(0, 24))) != std::string::npos) ==
                  e.is_for(verb.id));
            CHECK_FALSE((e.is_for(verb.id) && last == code));
            if (e.is_for(verb.id))
                last = code;
        }
        CHECK((help.find("--fail-if") != std::string::npos) == find_option("fail-if")->is_for(verb.id));
    }
}

TEST_CASE("the help names each verb and an example, in any width", "[help]")
{
    for (const int columns : {60, 80, 110})
        for (const verb_info& verb : all_verbs()) {
            const std::string help = help_text(verb, columns);
            CAPTURE(columns, verb.name);
            CHECK_THAT(help, Contains("Examples:\n  nmi-sim"));
            const std::size_t examples = help.find("Examples:");
            std::istringstream lines(help.substr(0, examples));
            for (std::string line; std::getline(lines, line);) {
                CAPTURE(line);
                CHECK(line.size() <= static_cast<std::size_t>(columns));
                CHECK((line.empty() || line.back() != ' '));
            }
        }
    for (const verb_info& verb : all_verbs())
        CHECK_THAT(help_text(default_verb(), 80), Contains("\n  " + std::string(verb.name) + " "));
}

TEST_CASE("what a verb's words mean is never guessed", "[help]")
{
    CHECK(find_verb("run") == &default_verb());
    CHECK(find_verb("ru") == nullptr);
    CHECK(find_verb("") == nullptr);
}

TEST_CASE("each word that the catalogue lists for an option is accepted by it", "[catalog]")
{
    for (const option_spec& o : all_options()) {
        if (o.kind != value_kind::words)
            continue;
        const catalog_topic* const topic = find_topic(o.topic);
        CAPTURE(o.name, o.topic);
        REQUIRE(topic != nullptr);
        for (const catalog_entry& e : topic->entries()) {
            CAPTURE(e.name);
            std::string value = e.name; // a placeholder for a number or a time gets one
            if (value.ends_with(":N"))
                value.replace(value.size() - 1, 1, "3");
            if (value.ends_with(":TIME"))
                value.replace(value.size() - 4, 4, "3ms");
            if (value.ends_with("=PATH"))
                value.replace(value.size() - 4, 4, "name");
            settings s;
            CHECK_NOTHROW(o.set(s, value));
        }
    }
}

TEST_CASE("each entry of the catalogue has a name and a description", "[catalog]")
{
    for (const catalog_topic& t : all_topics())
        for (const catalog_entry& e : t.entries()) {
            CAPTURE(t.name, e.name);
            CHECK_FALSE(e.name.empty());
            CHECK_FALSE(e.text.empty());
        }
}
