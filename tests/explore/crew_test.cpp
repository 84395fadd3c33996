// SPDX-License-Identifier: MIT
//
// Windows side by side: reports come from other processes whole, and in order.
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"
#include "explore/windows/report_bytes.hpp"
#include "explore/windows/window_crew.hpp"
#include "report/explore_report.hpp"
#include "support/catch2.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include <csignal>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

volatile int counter;

void increment()
{
    counter = counter + 1;
}

sweep_report lost_update()
{
    return sweep({.name = "lost update",
                  .prepare = [] { counter = 0; },
                  .window = increment,
                  .nmi = increment,
                  .broken = [] { return counter == 2 ? nullptr : "an update is lost"; }});
}

map_report two_updates(bool full)
{
    return map({.name = "two updates",
                .prepare = [] { counter = 0; },
                .reader = increment,
                .updater = increment,
                .broken = [] { return counter == 2 ? nullptr : "an update is lost"; }},
               full);
}

void calls_malloc()
{
    delete new std::string(100, 'x');
}

std::string all_of(const any_report& r)
{
    return to_json({&r, 1}, {}) + std::visit([](const auto& one) { return to_text(one, true); }, r);
}

any_report named(const char* name)
{
    sweep_report r;
    r.name = name;
    return r;
}

std::vector<std::string> names_in_order(const std::vector<window_job>& jobs)
{
    std::vector<std::string> names;
    const bool all = explore_side_by_side(
        jobs, 2, [](std::size_t) {},
        [&](std::size_t n, const any_report& r) {
            CHECK(n == names.size());
            names.push_back(std::get<sweep_report>(r).name);
        });
    names.emplace_back(all ? "all" : "stopped");
    return names;
}

struct shared_flags {
    std::atomic<int> done;
};

} // namespace

TEST_CASE("a report from another process is the same one")
{
    for (const any_report& r :
         {any_report(lost_update()), any_report(two_updates(false)), any_report(two_updates(true)),
          any_report(audit("allocates", calls_malloc))}) {
        const std::string bytes = to_bytes(r);
        CHECK(all_of(report_of_bytes(bytes)) == all_of(r));
        CHECK_THROWS_AS(report_of_bytes(bytes.substr(0, bytes.size() - 1)), std::runtime_error);
        CHECK_THROWS_AS(report_of_bytes(bytes + "x"), std::runtime_error);
    }
}

TEST_CASE("reports are told in the order of the jobs, however long each takes")
{
    shared_array<shared_flags> shared(1);
    std::atomic<int>& done = shared->done;
    const auto wait_for_others = [&done] {
        for (int i = 0; i < 6000 && done.load(std::memory_order_relaxed) != 2; ++i) // only counts
            usleep(10'000);
        return named("first");
    };
    const auto other = [&done](const char* name) {
        done.fetch_add(1, std::memory_order_relaxed); // only counts
        return named(name);
    };
    CHECK(
        names_in_order(
            {{wait_for_others}, {[&] { return other("second"); }}, {[&] { return other("third"); }, true}}) ==
        std::vector<std::string>{"first", "second", "third", "all"});
}

TEST_CASE("a process that ends before its report is an error, and being asked to stop is none")
{
    CHECK_THROWS_AS(names_in_order({{[] { return named("first"); }}, {[]() -> any_report { _exit(0); }}}),
                    std::runtime_error);
    stop_asked = true;
    CHECK(names_in_order({{[]() -> any_report { pause(), _exit(1); }}, {[] { return named("second"); }}}) ==
          std::vector<std::string>{"stopped"});
    stop_asked = false;
}
