// SPDX-License-Identifier: MIT
//
// Names of system calls, for people.
#include "support/catch2.hpp"

#include "explore/step/system_call.hpp"

#include <string_view>

#include <sys/syscall.h>

using nmisim::explore::name_of_system_call;
using namespace std::string_view_literals;

TEST_CASE("every system call that the headers know has its name")
{
    CHECK(name_of_system_call(SYS_read) == "read"sv);
    CHECK(name_of_system_call(SYS_ppoll) == "ppoll"sv);
    CHECK(name_of_system_call(SYS_futex) == "futex"sv);
    CHECK(name_of_system_call(SYS_rt_sigsuspend) == "rt_sigsuspend"sv);
    CHECK(name_of_system_call(SYS_rt_sigtimedwait) == "rt_sigtimedwait"sv);
    CHECK(name_of_system_call(SYS_epoll_pwait) == "epoll_pwait"sv);
    CHECK(name_of_system_call(SYS_recvmsg) == "recvmsg"sv);
    CHECK(name_of_system_call(SYS_exit_group) == "exit_group"sv);
    int named = 0;
    for (long nr = 0; nr < 500; ++nr)
        named += name_of_system_call(nr) != "system call"sv;
    CHECK(named > 250);
}

TEST_CASE("a system call that nobody knows is called one")
{
    CHECK(name_of_system_call(-1) == "system call"sv);
    CHECK(name_of_system_call(100'000) == "system call"sv);
}
