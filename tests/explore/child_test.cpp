// SPDX-License-Identifier: MIT
//
// The child that explores, and what its parent makes of its end.
#include "explore_test.hpp"

#include "explore/child.hpp"

#include <stdexcept>

#include <unistd.h>

using namespace nmisim::explore;

namespace {

void nothing() {}

} // namespace

TEST_CASE("an exception in a child ends the child, which does not go on in its parent's program")
{
    NEEDS_THE_MECHANISM();
    constexpr int escaped = 99;
    const pid_t self = getpid();
    sweep_report r;
    try {
        r = sweep({.name = "prepare throws",
                   .prepare =
                       [] {
                           static int runs = 0;
                           if (++runs == 4) // behind warm-up and two recordings
                               throw std::runtime_error("no memory");
                       },
                   .window = nothing,
                   .nmi = nothing});
    } catch (const std::runtime_error&) {
    }
    if (getpid() != self)
        _exit(escaped);
    INFO(to_text(r));
    CHECK(r.incomplete == "while exploring: exit code 1");
    CHECK(exit_code(r) == 1);
}

TEST_CASE("a child is not asked to stop because its parent was")
{
    NEEDS_THE_MECHANISM();
    stop_asked.store(true, std::memory_order_relaxed); // this thread only
    const pid_t child =
        start_child([](void*) { return stop_asked.load(std::memory_order_relaxed) ? 1 : 0; }, // as above
                    nullptr);
    const child_result end = wait_child(child);
    stop_asked.store(false, std::memory_order_relaxed); // as above
    CHECK(end.end == child_end::finished);
}
