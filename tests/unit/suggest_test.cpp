// SPDX-License-Identifier: MIT
#include "cli/options/suggest.hpp"

#include "support/catch2.hpp"

using namespace nmisim::cli;

TEST_CASE("edit distance counts insertions, deletions, replacements and swaps of neighbours", "[suggest]")
{
    CHECK(edit_distance("rate", "rate") == 0);
    CHECK(edit_distance("rat", "rate") == 1);
    CHECK(edit_distance("ratee", "rate") == 1);
    CHECK(edit_distance("rare", "rate") == 1);
    CHECK(edit_distance("raet", "rate") == 1);
    CHECK(edit_distance("", "rate") == 4);
    CHECK(edit_distance("seed", "rate") == 4);
}

TEST_CASE("a typo is answered with the nearest word", "[suggest]")
{
    const std::vector<std::string> known{"rate", "swap-interval", "seed", "interval"};
    CHECK(suggest("swap-intrval", known) == "swap-interval");
    CHECK(suggest("sede", known) == "seed");
    CHECK(suggest("swap", known) == "swap-interval"); // the only one that starts so
    CHECK(suggest("frequency", known).empty());
    CHECK(suggest("", known).empty());
    CHECK(suggest(std::string(1000, 'r'), known).empty());
}

TEST_CASE("a beginning that fits several words is answered with none", "[suggest]")
{
    CHECK(suggest("print", {"print-config", "print-limits"}).empty());
}
