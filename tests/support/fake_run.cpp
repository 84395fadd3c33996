// SPDX-License-Identifier: MIT
//
// run() and preflight() that do what the environment says, linked into nmi-sim-fake in place of the real ones. So exit
// codes and messages can be tested for outcomes that the real machine cannot produce on demand (a stall, a system that
// lacks something, a thread that cannot be created).
//
//   FAKE_RUN        pass (default), fail, nothing-seen, panic, stall, no-thread, contradiction,
//                   slow (a minute, unless stopped), slow-drain (that, and a minute from the stop to the report),
//                   slow-start (ten minutes before it looks at anything)
//   FAKE_PREFLIGHT  warning, fatal
#include "support/sample_report.hpp"
#include "verify/run.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace nmisim {

namespace {

std::string_view from_environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

void run_for_a_minute(run_report& r, const run_hooks& hooks)
{
    for (std::uint64_t i = 0; i < 600; ++i) {
        if (hooks.tick)
            hooks.tick({i * 100'000'000, 10 * i, 10 * i, i, 0});
        if (const int s = hooks.pause(100'000'000); s != 0) {
            r.stop_reason = stop_reason::signal;
            r.stop_signal = s;
            r.complete = r.config.duration_ns == 0;
            return;
        }
    }
}

} // namespace

run_report run(const run_config& config, const run_hooks& hooks)
{
    const std::string_view outcome = from_environment("FAKE_RUN");
    if (outcome == "no-thread")
        throw std::system_error(EAGAIN, std::generic_category(), "cannot create a thread");
    if (outcome == "contradiction")
        throw std::invalid_argument("these options contradict each other");

    if (outcome == "slow-start")
        std::this_thread::sleep_for(std::chrono::minutes(10));

    run_report r = outcome == "fail" ? test::failing_report() : test::passing_report();
    r.config = config;
    if (outcome == "nothing-seen")
        r.checks.front().status = check_status::nothing_seen;
    if (outcome == "panic")
        r.stop_reason = stop_reason::panic;
    if (outcome == "stall") {
        r.stop_reason = stop_reason::stall;
        r.checks[static_cast<std::size_t>(check::progress)].status = check_status::fail;
        r.stalls.push_back({0, "in NMI for 10.0s, handler generation 7", {"spin_for", "do_nmi"}});
    }
    if (outcome.starts_with("slow"))
        run_for_a_minute(r, hooks);
    if (outcome == "slow-drain") {
        std::fputs("fake: draining\n", stderr);
        std::this_thread::sleep_for(std::chrono::minutes(1));
    }
    return r;
}

std::vector<preflight_finding> preflight(const run_config&)
{
    const std::string_view found = from_environment("FAKE_PREFLIGHT");
    if (found.empty())
        return {};
    return {{found == "fatal", "rlimit-sigpending", "RLIMIT_SIGPENDING is 10; raise it with ulimit -i"}};
}

} // namespace nmisim
