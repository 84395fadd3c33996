// SPDX-License-Identifier: MIT
//
// Runs that the system does not let begin, or that would never end: the parts that have begun are ended in order, and
// the process can start another run.
#include "base/clock.hpp"
#include "nmisim/machine.hpp"
#include "rcu/rcu.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/text_matcher.hpp"
#include "verify/run.hpp"

#include <string>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

using namespace nmisim;
using nmisim::test::in_child;

namespace {

run_config quick()
{
    run_config c;
    c.duration_ns = 100'000'000;
    c.swap_interval_ns = 0;
    return c;
}

void set_thread_limit(rlim_t n) noexcept
{
    rlimit limit{};
    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = n;
    setrlimit(RLIMIT_NPROC, &limit);
}

std::string stall_in_words(const run_report& r)
{
    if (r.stop_reason != stop_reason::stall)
        return "no stall";
    for (const check_report& look : r.checks)
        if (look.id == check::progress)
            return "stall: " + look.first;
    return "not checked";
}

} // namespace

TEST_CASE(
    "a source that is refused after the controller has begun ends the run in order, and the next one passes")
{
    if (getuid() != 0) {
        WARN("skipped: how many threads this user has is only known of one who has none");
        return;
    }
    const auto how = GENERATE(from_range(all_reclaims));
    const auto child = in_child(120, [=] {
        if (setresuid(65534, 65534, 65534) != 0) // nobody
            return std::string("no such user");
        run_config c = quick();
        c.reclaim = how;
        c.machine.cpus = 2;
        c.machine.irqs = 1;
        // This thread, two vCPUs, the controller, the one that runs callbacks: none for the injector.
        set_thread_limit(how == reclaim::call_rcu ? 5 : 4);
        std::string first = "ran";
        try {
            static_cast<void>(run(c));
        } catch (const std::system_error& e) {
            first = e.code() == std::errc::resource_unavailable_try_again ? "refused" : e.what();
        }
        set_thread_limit(1000);
        return first + ", then " + (run(c).passed() ? "pass" : "fail");
    });
    CHECK(child.exited);
    CHECK(child.text == "refused, then pass");
}

TEST_CASE("an NMI that never ends is found from outside also where NMIs are not timed and nothing is swapped")
{
    const auto child = in_child(120, [] {
        run_config c = quick();
        c.fault = fault::stuck_handler;
        c.machine.measure_latency = false;
        c.swap = false;
        c.duration_ns = 0; // nothing else ends it
        return stall_in_words(run(c));
    });
    CHECK(child.exited);
    CHECK_THAT(child.text, test::Contains("stall: ") && test::Contains("milliseconds inside one NMI"));
}

TEST_CASE("a call_rcu whose grace period never ends is found from outside")
{
    const auto child = in_child(120, [] {
        run_config c = quick();
        c.fault = fault::stuck_handler;
        c.machine.measure_latency = false;
        c.reclaim = reclaim::call_rcu;
        c.duration_ns = 0;
        return stall_in_words(run(c));
    });
    CHECK(child.exited);
    CHECK_THAT(child.text, test::Contains("stall: "));
}

TEST_CASE("a grace period that a reader holds up, and no NMI, is found from outside")
{
    const auto child = in_child(120, [] {
        run_config c = quick();
        c.stall_timeout_ns = 500'000'000;
        c.duration_ns = 0;
        const domain_rcu rcu{c.machine.rcu}; // of the default flavor, whose domain is the process
        bool once = true;
        c.machine.custom_workload = [&](vcpu& self) {
            if (!std::exchange(once, false))
                return self.workload_round();
            const rcu_mark mark = rcu.read_lock();
            for (const std::uint64_t end_ns = now_ns() + 4 * nsec_per_sec; now_ns() < end_ns;) {
            }
            rcu.read_unlock(mark);
        };
        return stall_in_words(run(c));
    });
    CHECK(child.exited);
    CHECK_THAT(child.text,
               test::Contains("stall: ") && test::Contains("milliseconds waited for one grace period"));
}

TEST_CASE("too few open files are refused before the run, with what to do")
{
    const auto child = in_child(30, [] {
        const rlimit few{64, 64};
        setrlimit(RLIMIT_NOFILE, &few);
        run_config c = quick();
        c.machine.cpus = 40;
        c.machine.workload = workload::syscall;
        static_cast<void>(run(c));
        return std::string("ran");
    });
    CHECK(child.code == 99);
    CHECK_THAT(child.text, test::Contains("ulimit -n") && test::Contains("96 open files"));
}
