// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"

#include "cli/options/config_file.hpp"
#include "cli/options/usage_error.hpp"
#include "support/text_matcher.hpp"

#include <set>

using namespace nmisim;
using namespace nmisim::cli;
using nmisim::test::Contains;

namespace {

settings parse(const std::vector<std::string>& words)
{
    return parse_command_line(for_run, words);
}

std::string refusal(const std::vector<std::string>& words, verb_set verb = for_run)
{
    try {
        parse_command_line(verb, words);
    } catch (const usage_error& e) {
        return e.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("without options a run has the documented defaults", "[options]")
{
    const settings s = parse({});
    CHECK(s.run.inject.rate_hz == 10'000);
    CHECK_FALSE(s.run.inject.rate_max);
    CHECK(s.run.swap_interval_ns == 10'000'000);
    CHECK(s.run.duration_ns == 10'000'000'000);
    CHECK(s.run.machine.cpus >= 1);
    CHECK(s.run.seed == s.run.inject.seed);
    CHECK(s.run.fault == fault::none);
}

TEST_CASE("the default that --help shows is the default in effect", "[options]")
{
    // Giving each option the text that --help shows for its default must change nothing.
    settings s;
    for (const option_spec& o : all_options()) {
        const bool is_value = !o.is_flag() && !o.fallback.empty() && o.name != "cpus" && o.name != "seed" &&
                              o.name != "interval";
        if (is_value && o.is_for(for_run))
            o.set(s, o.fallback);
    }
    const settings untouched;
    CHECK(s.run.inject.rate_hz == untouched.run.inject.rate_hz);
    CHECK(s.run.inject.arrival == untouched.run.inject.arrival);
    CHECK(s.run.inject.burst == untouched.run.inject.burst);
    CHECK(s.run.machine.delivery == untouched.run.machine.delivery);
    CHECK(s.run.machine.max_in_flight == untouched.run.machine.max_in_flight);
    CHECK(s.run.machine.rcu == untouched.run.machine.rcu);
    CHECK(s.run.machine.workload == untouched.run.machine.workload);
    CHECK(s.run.machine.percpu == untouched.run.machine.percpu);
    CHECK(s.run.machine.signal_offset == untouched.run.machine.signal_offset);
    CHECK(s.run.swap == untouched.run.swap);
    CHECK(s.run.swap_interval_ns == untouched.run.swap_interval_ns);
    CHECK(s.run.reclaim == untouched.run.reclaim);
    CHECK(s.run.hold_ns == untouched.run.hold_ns);
    CHECK(s.run.fault == untouched.run.fault);
    CHECK(s.run.duration_ns == untouched.run.duration_ns);
    CHECK(s.run.stall_timeout_ns == untouched.run.stall_timeout_ns);
    CHECK(s.affinity == untouched.affinity);
    CHECK(s.color == untouched.color);
}

TEST_CASE("each option reaches the run", "[options]")
{
    const settings s = parse({"--rate",
                              "50k",
                              "--arrival=burst:16",
                              "-c",
                              "3",
                              "--flavor",
                              "qsbr",
                              "--delivery=queue",
                              "--max-in-flight",
                              "8",
                              "--workload",
                              "alloc",
                              "-i",
                              "5",
                              "--reclaim",
                              "call_rcu",
                              "--handler",
                              "slow:50us",
                              "--percpu",
                              "array",
                              "--fault",
                              "clobber-errno",
                              "-d2",
                              "--seed",
                              "7",
                              "--signal",
                              "RTMIN+3",
                              "--affinity",
                              "none",
                              "--stall-timeout",
                              "3s",
                              "--keep-going",
                              "--panic-on-unknown-nmi",
                              "-o",
                              "run.json",
                              "-qj",
                              "--interval",
                              "1"});
    CHECK(s.run.inject.rate_hz == 50'000);
    CHECK(s.run.inject.arrival == arrival::burst);
    CHECK(s.run.inject.burst == 16);
    CHECK(s.run.machine.cpus == 3);
    CHECK(s.run.machine.rcu == flavor::qsbr);
    CHECK(s.run.machine.delivery == delivery::queue);
    CHECK(s.run.machine.max_in_flight == 8);
    CHECK(s.run.machine.workload == workload::alloc);
    CHECK(s.run.swap_interval_ns == 5'000'000);
    CHECK(s.run.reclaim == reclaim::call_rcu);
    CHECK(s.run.hold_ns == 50'000);
    CHECK(s.run.machine.percpu == percpu_form::array);
    CHECK(s.run.fault == fault::clobber_errno);
    CHECK(s.run.duration_ns == 2'000'000'000);
    CHECK(s.run.seed == 7);
    CHECK(s.run.machine.signal_offset == 3);
    CHECK_FALSE(s.run.machine.pin);
    CHECK(s.run.stall_timeout_ns == 3'000'000'000);
    CHECK(s.run.keep_going);
    CHECK(s.run.machine.panic_on_unknown_nmi);
    CHECK(s.output_file == "run.json");
    CHECK(s.json);
    CHECK(s.verbosity == verbosity::quiet);
    CHECK(s.interval_ns == 1'000'000'000u);
}

TEST_CASE("the words max, never and 0 have their own meaning", "[options]")
{
    CHECK(parse({"--rate", "max"}).run.inject.rate_max);
    CHECK_FALSE(parse({"--rate", "max", "--rate", "5"}).run.inject.rate_max);
    CHECK_FALSE(parse({"-i", "never"}).run.swap);
    CHECK(parse({"-i", "never", "-i", "0"}).run.swap);
    CHECK(parse({"-i", "0"}).run.swap_interval_ns == 0);
    CHECK(parse({"-d", "0"}).run.duration_ns == 0);
}

TEST_CASE("a value that is refused names its option", "[options]")
{
    CHECK(refusal({"--rate", "-5"}) == "--rate: '-5' is not a rate per second (examples: 10000, 10k, 2.5M)");
    CHECK(refusal({"--swap-interval", "nan"}) ==
          "--swap-interval: 'nan' is not a duration (examples: 500us, 10ms, 1.5s, 2m)");
    CHECK_THAT(refusal({"-c", "0"}), Contains("--cpus: '0' is out of range"));
    CHECK_THAT(refusal({"--cpus", "-1"}), Contains("--cpus: '-1' is not a count"));
    CHECK_THAT(refusal({"--rate", "0x10"}), Contains("--rate: '0x10' is not a rate"));
    CHECK_THAT(refusal({"--duration", "2x"}), Contains("--duration: '2x' is not a duration"));
    CHECK_THAT(refusal({"--seed", "99999999999999999999"}),
               Contains("--seed: '99999999999999999999' is out of range"));
    CHECK_THAT(refusal({"--signal", "SIGUSR1"}), Contains("--signal: 'SIGUSR1' is not a real-time signal"));
    // The signal after the NMI's asks for backtraces, so the last one is refused.
    CHECK_THAT(refusal({"--signal", "RTMIN+30"}), Contains("--signal: '30' is out of range (0 to 29)"));
    CHECK_THAT(refusal({"--handler", "slow"}), Contains("needs a time"));
    CHECK_THAT(refusal({"--arrival", "bursts"}),
               Contains("'bursts' is not an arrival (periodic, poisson, burst:N)"));
    CHECK_THAT(refusal({"--fault", "no-grace-perod"}),
               Contains("'no-grace-perod' is not a fault") && Contains("did you mean 'no-grace-period'?"));
    CHECK(refusal({"--source", "tmier"}) ==
          "--source: 'tmier' is not a source (sigqueue, timer, perf, ipi); did you mean 'timer'?");
    CHECK_THAT(refusal({"--source", "timer,ipi,timer"}), Contains("--source: source 'timer' is named twice"));
    CHECK(refusal({"--stall-timeout", "1us"}) == "--stall-timeout: '1us' is too short (at least 10ms)");
    CHECK(refusal({"--handler", "watchdog:0"}) == "--handler: '0' is too short (at least 1ms)");
    CHECK(refusal({"--handler", "backtrace:1ns"}) == "--handler: '1ns' is too short (at least 1ms)");
    CHECK_THAT(refusal({"--fail-if", "latency.p98>1ms"}),
               Contains("--fail-if: 'latency.p98' is not a metric"));
}

TEST_CASE("explore takes every flavor at once, a run does not", "[options]")
{
    CHECK_THAT(refusal({"--flavor", "al"}, for_explore),
               Contains("'al' is not a flavor (memb, mb, bp, qsbr, nmi, srcu, all); did you mean 'all'?"));
    CHECK(refusal({"--flavor", "al"}) == "--flavor: 'al' is not a flavor (memb, mb, bp, qsbr, nmi, srcu)");
}

TEST_CASE("an unknown option is answered with the nearest", "[options]")
{
    CHECK(refusal({"--swap-intervall=3"}) ==
          "unrecognized option '--swap-intervall'; did you mean '--swap-interval'?");
    CHECK(refusal({"--swap-intervall", "3"}) ==
          "unrecognized option '--swap-intervall'; did you mean '--swap-interval'?");
    CHECK(refusal({"--bogus=3"}) == "unrecognized option '--bogus'");
    CHECK_THAT(refusal({"--names"}), Contains("it is an option of 'nmi-sim list'"));
    CHECK_THAT(refusal({"-x"}), Contains("unrecognized option '-x'"));
}

TEST_CASE("the letters of a word are read one by one", "[options]")
{
    CHECK(refusal({"-j=1"}) == "option '-j' takes no value");
    CHECK(refusal({"-jx"}) == "unrecognized option '-x' in '-jx'");
    CHECK(refusal({"-j"}, for_selftest) == "unrecognized option '-j'; it is an option of 'nmi-sim run'");
    CHECK(refusal({"-o=x"}) == "'-o=' is not a form of '-o': leave out the '=', or write '--output=x'");
}

TEST_CASE("abbreviations are refused", "[options]")
{
    for (const char* const word : {"--ra=5", "--r=5", "--swap-i=3", "--see=1"}) {
        CAPTURE(word);
        CHECK_THAT(refusal({word}), Contains("unrecognized option"));
    }
    CHECK(refusal({"--ra", "5"}) == "unrecognized option '--ra'; did you mean '--rate'?");
}

TEST_CASE("one dash before a long name is understood as the mistake it is", "[options]")
{
    CHECK_THAT(refusal({"-rate", "5"}), Contains("did you mean '--rate'?"));
}

TEST_CASE("a missing or a superfluous value is told", "[options]")
{
    CHECK(refusal({"--rate"}) == "option '--rate' needs a value");
    CHECK(refusal({"--rate="}) == "option '--rate' needs a value");
    CHECK(refusal({"--rate", "--seed", "3"}) == "option '--rate' needs a value");
    CHECK(refusal({"-o", "-q"}) == "option '--output' needs a value");
    CHECK(refusal({"--output", "--json"}) == "option '--output' needs a value");
    CHECK(refusal({"--histogram=yes"}) == "option '--histogram' takes no value");
}

TEST_CASE("words that are no options come back, also after --", "[options]")
{
    CHECK(parse({"50000"}).words == std::vector<std::string>{"50000"});
    CHECK(parse({"--", "--rate", "5"}).words == std::vector<std::string>{"--rate", "5"});
    CHECK(parse({"--seed", "3", "extra"}).words == std::vector<std::string>{"extra"});
}

TEST_CASE("of a repeated option the last wins, and --fail-if adds up", "[options]")
{
    const settings s =
        parse({"--rate", "5", "--rate", "6", "--fail-if", "swaps<1", "--fail-if", "rate<9.5k"});
    CHECK(s.run.inject.rate_hz == 6);
    REQUIRE(s.fail_if.size() == 2);
    CHECK(s.fail_if[1].limit == 9'500);
    CHECK(repeat_command(parse({"--rate", "5", "--rate", "6", "--seed", "1"})) ==
          "nmi-sim --rate 6 --seed 1");
}

TEST_CASE("options that contradict each other are refused", "[options]")
{
    CHECK_THAT(refusal({"--rate", "max", "--arrival", "poisson"}), Contains("--arrival needs a --rate"));
}

TEST_CASE("help and version are asked for without looking at the rest", "[options]")
{
    CHECK(parse({"--rate", "nonsense", "--help"}).help);
    CHECK(parse({"-V"}).version);
}

TEST_CASE("the repeat command says what changes the run, with the seed, quoted for a shell", "[options]")
{
    const settings s =
        parse({"--fail-if", "latency.p99>200us", "-q", "-d", "2s", "--keep-going", "--json", "--seed", "9"});
    CHECK(repeat_command(s) == "nmi-sim --duration 2s --keep-going --fail-if 'latency.p99>200us' --seed 9");
}

TEST_CASE("a seed from the clock is short and in the repeat command", "[options]")
{
    const settings s = parse({});
    CHECK(s.run.seed < 1'000'000'000);
    CHECK(repeat_command(s) == "nmi-sim --seed " + std::to_string(s.run.seed));
}

TEST_CASE("names and letters in the option table are unique for each verb", "[options]")
{
    for (const verb_set verb : {for_run, for_list, for_explore, for_selftest, for_page, for_exec}) {
        std::set<std::string_view> names;
        std::set<char> letters;
        for (const option_spec& o : all_options()) {
            if (!o.is_for(verb))
                continue;
            CAPTURE(o.name);
            CHECK(names.insert(o.name).second);
            if (o.letter != 0)
                CHECK(letters.insert(o.letter).second);
            CHECK(o.set != nullptr);
            CHECK_FALSE(o.help.empty());
        }
    }
}
