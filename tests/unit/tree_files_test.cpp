// SPDX-License-Identifier: MIT
//
// A tree of processes as /proc tells of it, with processes that have ended.
#include "exec/profile/tree_files.hpp"

#include "support/await.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::exec;

namespace {

bool tells(const std::vector<tree_event>& events, enum tree_event::kind kind)
{
    return std::any_of(events.begin(), events.end(), [&](const tree_event& e) { return e.kind == kind; });
}

} // namespace

TEST_CASE("the number of a process that has ended may be another one's, which is born then")
{
    tree_files files(getpid());
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    CHECK(tells(files.executed(child), tree_event::kind::birth));
    CHECK(!tells(files.executed(child), tree_event::kind::birth));
    REQUIRE(nmisim::test::eventually([&] { return tells(files.look(), tree_event::kind::end); }));
    CHECK(tells(files.executed(child), tree_event::kind::birth));
}
