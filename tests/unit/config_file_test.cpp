// SPDX-License-Identifier: MIT
#include "cli/options/config_file.hpp"

#include "cli/options/usage_error.hpp"
#include "support/text_matcher.hpp"

#include <string>

using namespace nmisim;
using namespace nmisim::cli;
using nmisim::test::Contains;

namespace {

settings from_text(const std::string& text)
{
    settings s;
    for (const assignment& a : read_config(for_run, text, "load.conf"))
        apply(s, a);
    return s;
}

std::string refusal(const std::string& text)
{
    try {
        from_text(text);
    } catch (const usage_error& e) {
        return e.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("a configuration file takes comments, blank lines, flags and carriage returns", "[config]")
{
    const settings s = from_text(
        "# load\n\n  rate = 50k   # hard\r\nhistogram = true\r\nkeep-going=no\nswap-interval = 1ms");
    CHECK(s.run.inject.rate_hz == 50'000);
    CHECK(s.histogram);
    CHECK_FALSE(s.run.keep_going);
    CHECK(s.run.swap_interval_ns == 1'000'000);
}

TEST_CASE("an unknown key is refused with file, line and suggestion", "[config]")
{
    CHECK(refusal("rate = 5\n\nswap-intrval = 3\n") ==
          "load.conf:3: unknown key 'swap-intrval'; did you mean 'swap-interval'?");
}

TEST_CASE("a wrong value is refused with file, line and key", "[config]")
{
    CHECK(refusal("rate = 5\nrate = -5\n") ==
          "load.conf:2: rate: '-5' is not a rate per second (examples: 10000, 10k, 2.5M)");
    CHECK_THAT(refusal("rate =\n"), Contains("load.conf:1: rate: '' is not a rate"));
}

TEST_CASE("a line that is no assignment, or a section, is refused with its number", "[config]")
{
    CHECK_THAT(refusal("rate = 5\nrate 6\n"), Contains("load.conf:2: not of the form 'name = value'"));
    CHECK(refusal("rate \x1b[31m 6\n") == "load.conf:1: not of the form 'name = value': rate \\x1b[31m 6");
    CHECK_THAT(refusal("[load]\nrate = 6\n"), Contains("load.conf:1: sections are not used"));
}

TEST_CASE("what asks for something else than a run has no place in a file", "[config]")
{
    CHECK_THAT(refusal("help = true\n"), Contains("works on the command line only"));
    CHECK_THAT(refusal("config = other.conf\n"), Contains("works on the command line only"));
}

TEST_CASE("a repeated key counts once, the last", "[config]")
{
    CHECK(from_text("rate = 5\nrate = 6\n").run.inject.rate_hz == 6);
}

TEST_CASE("what --print-config writes reads back as the same run", "[config]")
{
    const settings s =
        parse_command_line(for_run, {"--rate", "50k", "--fail-if", "latency.p99>200us", "--fail-if",
                                     "swaps<3", "--histogram", "--quiet", "--flavor", "mb", "--cpus", "5"});
    const std::string text = config_text(s);
    const settings again = from_text(text);
    CHECK_THAT(text, Contains("rate = 50k\n") && Contains("flavor = mb\n") && Contains("cpus = 5\n") &&
                         Contains("histogram = true\n") && Contains("keep-going = false\n") &&
                         Contains("fail-if = latency.p99>200us\nfail-if = swaps<3\n") &&
                         Contains("seed = " + std::to_string(s.run.seed) + "\n"));
    CHECK(again.run.inject.rate_hz == 50'000);
    CHECK(again.fail_if.size() == 2);
    CHECK(again.cpus == 5);
    CHECK(again.verbosity == verbosity::quiet);
    CHECK(again.seed == s.run.seed);
}

TEST_CASE("a value with '#', quotes or outer blanks comes back from --print-config as it was", "[config]")
{
    for (const std::string value :
         {"a b#c.html", " x ", "\"x\"", "a\\b#", "two\nlines", "tab\t", "#", "=#="}) {
        CAPTURE(value);
        const settings s = parse_command_line(for_run, {"--report", value, "--seed", "3"});
        CHECK(from_text(config_text(s)).report_file == value);
    }
}

TEST_CASE("a value in double quotes is taken as it stands, with a comment behind it", "[config]")
{
    CHECK(from_text("report = \"a # b\" # where it goes\r\n").report_file == "a # b");
    CHECK(from_text("report = a\"b # c\n").report_file == "a\"b");
    CHECK(from_text("# report = \"a\n").report_file.empty());
    CHECK_THAT(refusal("rate = 5\nreport = \"a\n"), Contains("load.conf:2: a value that begins with"));
    CHECK_THAT(refusal("report = \"a\" b\n"), Contains("load.conf:1: a value that begins with"));
    CHECK_THAT(refusal("rate = \"-5\"\n"), Contains("load.conf:1: rate: '-5' is not a rate"));
}

TEST_CASE("a file that cannot be read is told by name", "[config]")
{
    CHECK_THROWS_WITH(read_config_file(for_run, "/nonexistent/load.conf"),
                      Contains("cannot read /nonexistent/load.conf"));
    CHECK_THROWS_WITH(read_config_file(for_run, "/"), Contains("cannot read /: Is a directory"));
    CHECK_THROWS_WITH(read_config_file(for_run, "/proc/self/mem"),
                      Contains("cannot read /proc/self/mem: Input/output error"));
}

TEST_CASE("a file has an end, and so has a line", "[config]")
{
    CHECK_THROWS_WITH(read_config_file(for_run, "/dev/zero"), Contains("more than 1024 KiB: File too large"));
    const std::string longest = "# " + std::string(4094, 'x');
    CHECK(from_text(longest + "\nrate = 6\n").run.inject.rate_hz == 6);
    CHECK(refusal(longest + "x\n") == "load.conf:1: a line has at most 4096 bytes, this one has 4097");
}

TEST_CASE("a file of a mebibyte is read in full, whatever its lines", "[config]")
{
    std::string text((std::size_t{1} << 20) - 9, '\n');
    CHECK(from_text(text + "rate = 6\n").run.inject.rate_hz == 6);
    text.clear();
    while (text.size() + 18 < std::size_t{1} << 20)
        text += "rate=5\nkeep-going=no\n";
    CHECK(from_text(text + "rate=7").run.inject.rate_hz == 7);
}

TEST_CASE("a byte order mark at the beginning is none of the first key", "[config]")
{
    CHECK(from_text("\xEF\xBB\xBFrate = 6\n").run.inject.rate_hz == 6);
    CHECK(refusal("rate = 5\n\xEF\xBB\xBFrate = 6\n") == "load.conf:2: unknown key '\\xef\\xbb\\xbfrate'");
    CHECK(refusal(std::string("\xFF\xFEr\0", 4)) == "load.conf:1: this is UTF-16: save it as UTF-8");
}

TEST_CASE("a repeat command obeys no terminal and stays on one line", "[config]")
{
    settings s;
    s.given.emplace_back("fail-if", "swaps\n\x1b'<1");
    CHECK(repeat_command(s) ==
          "nmi-sim --fail-if $'swaps\\x0a\\x1b\\x27\\x3c1' --seed " + std::to_string(s.run.seed));
}
