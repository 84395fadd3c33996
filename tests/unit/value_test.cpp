// SPDX-License-Identifier: MIT
#include "cli/options/value.hpp"

#include "support/text_matcher.hpp"

#include <limits>

using namespace nmisim::cli;
using nmisim::test::Contains;

namespace {

template <typename Function>
std::string refusal(Function parse)
{
    try {
        parse();
    } catch (const usage_error& e) {
        return e.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("a duration takes ns, us, ms, s, m and h", "[value]")
{
    CHECK(parse_duration_ns("250ns") == 250);
    CHECK(parse_duration_ns("500us") == 500'000);
    CHECK(parse_duration_ns("5\u00b5s") == 5'000);
    CHECK(parse_duration_ns("10ms") == 10'000'000);
    CHECK(parse_duration_ns("1.5s") == 1'500'000'000);
    CHECK(parse_duration_ns("2m") == 120'000'000'000);
    CHECK(parse_duration_ns("1h") == 3'600'000'000'000);
    CHECK(parse_duration_ns("0.5h") == 1'800'000'000'000);
    CHECK(parse_duration_ns("0.000000001s") == 1);
}

TEST_CASE("a bare duration has the documented unit, or is refused where none is documented", "[value]")
{
    CHECK(parse_duration_ns("5", bare_number::milliseconds) == 5'000'000);
    CHECK(parse_duration_ns("1.5", bare_number::seconds) == 1'500'000'000);
    CHECK(parse_duration_ns("0") == 0);
    CHECK_THAT(refusal([] { parse_duration_ns("5"); }), Contains("needs a unit"));
}

TEST_CASE("a duration that is none is refused with examples", "[value]")
{
    for (const char* const text : {"", "-5", "-5ms", "+5ms", "nan", "inf", "0x10", "1e3", "10 ms", " 10ms",
                                   "10ms ", "2x", "ms", ".5s", "1.s", "1,5s", "5MS", "10msec"}) {
        CAPTURE(text);
        CHECK_THAT(refusal([&] { parse_duration_ns(text, bare_number::seconds); }),
                   Contains("is not a duration (examples: "));
    }
}

TEST_CASE("a duration that overflows or is finer than a nanosecond is refused with the reason", "[value]")
{
    CHECK_THAT(refusal([] { parse_duration_ns("99999999999999999999s"); }), Contains("too long"));
    CHECK_THAT(refusal([] { parse_duration_ns("18446744073709551615h"); }), Contains("too long"));
    CHECK_THAT(refusal([] { parse_duration_ns("8761h"); }), Contains("too long"));
    CHECK(parse_duration_ns("8760h") == 31'536'000'000'000'000);
    CHECK_THAT(refusal([] { parse_duration_ns("0.1ns"); }), Contains("finer than a nanosecond"));
    CHECK_THAT(refusal([] { parse_duration_ns("0.0000000001s"); }), Contains("finer than a nanosecond"));
}

TEST_CASE("a count takes k and M and stays within its bounds", "[value]")
{
    CHECK(parse_count("0", 0, 10) == 0);
    CHECK(parse_count("10k", 1, 1'000'000) == 10'000);
    CHECK(parse_count("2.5M", 1, 10'000'000) == 2'500'000);
    CHECK(parse_count("18446744073709551615", 0, std::numeric_limits<std::uint64_t>::max()) ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK_THAT(refusal([] { parse_count("0", 1, 64); }), Contains("out of range (1 to 64)"));
    CHECK_THAT(refusal([] { parse_count("65", 1, 64); }), Contains("out of range (1 to 64)"));
    CHECK_THAT(refusal([] { parse_count("99999999999999999999", 0, 1'000); }), Contains("out of range"));
    CHECK_THAT(
        refusal([] { parse_count("18446744073709551615k", 0, std::numeric_limits<std::uint64_t>::max()); }),
        Contains("out of range"));
    CHECK_THAT(refusal([] { parse_count("1.5", 0, 1'000); }), Contains("not a whole number"));
}

TEST_CASE("a count that is none is refused with examples", "[value]")
{
    for (const char* const text : {"", "-5", "+5", "nan", "0x10", "1e4", "10G", "k", "ten", "1 000"}) {
        CAPTURE(text);
        CHECK_THAT(refusal([&] { parse_count(text, 0, 1'000'000); }), Contains("is not a count (examples: "));
    }
}

TEST_CASE("a rate may be fractional and must be more than 0", "[value]")
{
    CHECK(parse_rate_hz("10000") == 10'000);
    CHECK(parse_rate_hz("10k") == 10'000);
    CHECK(parse_rate_hz("2.5M/s") == 2'500'000);
    CHECK(parse_rate_hz("0.5") == 0.5);
    CHECK_THAT(refusal([] { parse_rate_hz("0"); }), Contains("more than 0"));
    CHECK_THAT(refusal([] { parse_rate_hz("1001M"); }), Contains("too high"));
    for (const char* const text : {"-5", "nan", "inf", "0x10", "1e4", "ate", "", "/s"}) {
        CAPTURE(text);
        CHECK_THAT(refusal([&] { parse_rate_hz(text); }), Contains("is not a rate"));
    }
}

TEST_CASE("a flag in a file is true or false in words", "[value]")
{
    CHECK(parse_flag("true"));
    CHECK(parse_flag("on"));
    CHECK_FALSE(parse_flag("no"));
    CHECK_FALSE(parse_flag("0"));
    CHECK_THAT(refusal([] { parse_flag("maybe"); }), Contains("neither true nor false"));
}

TEST_CASE("a wrong word is answered with all right ones and the nearest", "[value]")
{
    const std::vector<std::string> flavors{"memb", "mb", "bp", "qsbr"};
    CHECK(parse_word("qsbr", "a flavor", flavors) == 3);
    CHECK(refusal([&] { parse_word("mebm", "a flavor", flavors); }) ==
          "'mebm' is not a flavor (memb, mb, bp, qsbr); did you mean 'memb'?");
    CHECK(refusal([&] { parse_word("signal", "a flavor", flavors); }) ==
          "'signal' is not a flavor (memb, mb, bp, qsbr)");
}
