// SPDX-License-Identifier: MIT
#include "base/shown_text.hpp"

#include "support/catch2.hpp"

using namespace nmisim;

TEST_CASE("text without controls is shown as it is, in any language", "[shown]")
{
    for (const std::string text :
         {"", "rate", "a b#c", "5\u00b5s", "\u65e5\u672c\u8a9e", "\U0001f600", "\\n"}) {
        CAPTURE(text);
        CHECK(shown(text) == text);
        CHECK_FALSE(has_controls(text));
    }
}

TEST_CASE("what a terminal obeys, and what nobody sees, is written out", "[shown]")
{
    CHECK(shown("a\nb\r\t") == "a\\nb\\r\\t");
    CHECK(shown("\x1b[2J\x7f") == "\\x1b[2J\\x7f");
    CHECK(shown(std::string_view("\0x", 2)) == "\\x00x");
    CHECK(shown("\u009b31m") == "\\xc2\\x9b31m");                             // CSI in one character
    CHECK(shown("\u202egpj") == "\\xe2\\x80\\xaegpj");                        // right to left from here on
    CHECK(shown("\ufeffrate\u200b") == "\\xef\\xbb\\xbfrate\\xe2\\x80\\x8b"); // without width
    CHECK(shown("\u2028") == "\\xe2\\x80\\xa8");                              // a line's end
    for (const std::string text : {"\n", "\x1b", "\u009b", "\u202e", "\ufeff"})
        CHECK(has_controls(text));
}

TEST_CASE("bytes that are no UTF-8 are written out one by one", "[shown]")
{
    CHECK(shown("\xff") == "\\xff");
    CHECK(shown("\xc3") == "\\xc3");                            // cut
    CHECK(shown("\xc3(") == "\\xc3(");                          // not continued
    CHECK(shown("\xc0\x8a") == "\\xc0\\x8a");                   // a new line in two bytes
    CHECK(shown("\xed\xa0\x80") == "\\xed\\xa0\\x80");          // half of a pair
    CHECK(shown("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80"); // beyond the last
    CHECK(has_controls("\xff"));
}

TEST_CASE("a long text is cut, and says how long it was", "[shown]")
{
    CHECK(shown(std::string(80, 'x')) == std::string(80, 'x'));
    const std::string cut = shown(std::string(100'000, 'x'));
    CHECK(cut == std::string(68, 'x') + "... (100000 bytes)");
    const std::string lines = shown(std::string(100'000, '\n'));
    CHECK(lines.size() < 2 * 80 + 20);
    CHECK(lines.find('\n') == std::string::npos);
    CHECK(shown(std::string(30, 'x'), 20) == "xxxxxxxx... (30 bytes)");
}
