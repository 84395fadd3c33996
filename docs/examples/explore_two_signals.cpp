// SPDX-License-Identifier: MIT
//
// Two handlers that write to one list. Each is right by itself, and between any two instructions of the program. The second
// one in the middle of the first loses an entry; target::second puts it there. If each blocks the other's signal while it
// runs (sa_mask), nothing is lost.
//
// Exit code: 0 if exactly this was measured, 77 if nothing can be explored, 1 otherwise.
#include <nmisim/explore.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>

namespace explore = nmisim::explore;

static volatile int used;
static volatile int entries[4];
static std::atomic<int> came;

static void push(int signal)
{
    came.fetch_add(1, std::memory_order_relaxed); // a plain counter
    const int at = used;
    entries[at] = signal;
    used = at + 1;
}

static void install(bool each_blocks_the_other)
{
    struct sigaction a {};
    a.sa_handler = push;
    if (each_blocks_the_other) {
        sigaddset(&a.sa_mask, SIGUSR1);
        sigaddset(&a.sa_mask, SIGUSR2);
    }
    sigaction(SIGUSR1, &a, nullptr);
    sigaction(SIGUSR2, &a, nullptr);
}

static explore::sweep_report explore_list(const char* name, explore::function setup)
{
    static volatile int work;
    return explore::sweep(
        {.name = name,
         .setup = setup,
         .prepare =
             [] {
                 used = 0;
                 came.store(0, std::memory_order_relaxed); // one thread
             },
         .window = [] { work = work + 1; },
         .broken = [] { return used == came.load(std::memory_order_relaxed) ? nullptr : "an entry is lost"; },
         .signal = SIGUSR1,
         .second = {.signal = SIGUSR2}});
}

int main()
{
    const explore::sweep_report open = explore_list("open", [] { install(false); });
    const explore::sweep_report blocked = explore_list("blocked", [] { install(true); });
    std::fputs((to_text(open) + to_text(blocked)).c_str(), stdout);
    if (!open.absent.empty())
        return 77;
    return exit_code(open) == 3 && exit_code(blocked) == 0 ? 0 : 1;
}
