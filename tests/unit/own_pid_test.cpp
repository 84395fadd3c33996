// SPDX-License-Identifier: MIT
#include "base/own/own_pid.hpp"

#include "support/catch2.hpp"
#include "support/child.hpp"

#include <csignal>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::in_child;

namespace {

std::string both_pids()
{
    return std::to_string(own_pid()) + " " + std::to_string(getpid());
}

} // namespace

TEST_CASE("own_pid() is getpid(), before it is kept and after")
{
    CHECK(own_pid() == getpid());
    keep_own_pid();
    CHECK(own_pid() == getpid());
    keep_own_pid();
    CHECK(own_pid() == getpid());
}

TEST_CASE("a forked child's own_pid() is the child's, and a grandchild's the grandchild's")
{
    keep_own_pid();
    REQUIRE(own_pid() == getpid()); // the page has been written
    const auto child = in_child(20, [] {
        const std::string here = both_pids();
        return here + " " + in_child(20, both_pids).text;
    });
    REQUIRE(child.exited);
    int pid[4];
    REQUIRE(std::sscanf(child.text.c_str(), "%d %d %d %d", &pid[0], &pid[1], &pid[2], &pid[3]) == 4);
    CHECK(pid[0] == pid[1]);
    CHECK(pid[2] == pid[3]);
    CHECK(pid[0] != getpid());
    CHECK(pid[2] != pid[0]);
    CHECK(own_pid() == getpid());
}

TEST_CASE("a child that clone(2) made behind the C library's back has its own own_pid()")
{
    keep_own_pid();
    REQUIRE(own_pid() == getpid());
    const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(own_pid() == syscall(SYS_getpid) ? 42 : 1);
    REQUIRE(pid > 0);
    int status = 0;
    REQUIRE(waitpid(static_cast<pid_t>(pid), &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 42);
}
