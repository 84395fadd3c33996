// SPDX-License-Identifier: MIT
//
// A wait that a signal may end, and code that has forgotten it. No boundary between two instructions shows that: the
// signal must come while the thread is in the kernel. limits::system_calls puts it there.
//
// Exit code: 0 if exactly this was measured, 77 if nothing can be explored, 1 otherwise.
#include <nmisim/explore.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <poll.h>

namespace explore = nmisim::explore;

static const char* wrong;

static void wait_once()
{
    if (poll(nullptr, 0, 20) < 0)
        wrong = "poll has failed";
}
static void wait_again()
{
    while (poll(nullptr, 0, 20) < 0 && errno == EINTR) {
    }
}

static explore::sweep_report explore_wait(const char* name, explore::function wait)
{
    explore::limits inside;
    inside.system_calls = true;
    return explore::sweep({.name = name,
                           .prepare = [] { wrong = nullptr; },
                           .window = wait,
                           .nmi = [] {},
                           .broken = [] { return wrong; }},
                          inside);
}

int main()
{
    const explore::sweep_report once = explore_wait("once", wait_once);
    const explore::sweep_report again = explore_wait("again", wait_again);
    std::fputs((to_text(once) + to_text(again)).c_str(), stdout);
    if (!once.absent.empty())
        return 77;
    return exit_code(once) == 3 && exit_code(again) == 0 ? 0 : 1;
}
