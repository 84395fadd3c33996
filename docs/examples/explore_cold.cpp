// SPDX-License-Identifier: MIT
//
// A handler whose thread-local object is made at its first use, from a pool that must not be entered twice. The first
// NMI of a process makes it, so an ordinary sweep sees nothing: that NMI came before the pool was in use. With
// limits::fresh each NMI is the first one of its process.
//
// Exit code: 0 if exactly this was measured, 77 if nothing can be explored, 1 otherwise.
#include <nmisim/explore.hpp>

#include <cstdio>

namespace explore = nmisim::explore;

static volatile bool busy;
static const char* wrong;
static char pool[4096];
static volatile std::size_t used;

static void* from_pool(std::size_t size)
{
    if (busy)
        wrong = "the pool is entered while it is in use";
    busy = true;
    void* memory = pool + used;
    used = (used + size) % 2048;
    busy = false;
    return memory;
}

struct scratch {
    void* memory = from_pool(64);
};

static void handler()
{
    static thread_local scratch mine;
    asm volatile("" : : "r"(mine.memory));
}

static explore::sweep_report explore_pool(bool fresh)
{
    explore::limits each;
    each.fresh = fresh;
    return explore::sweep({.name = fresh ? "each NMI the first" : "one process",
                           .prepare = [] { wrong = nullptr; },
                           .window = [] { from_pool(16); },
                           .nmi = handler,
                           .broken = [] { return wrong; }},
                          each);
}

int main()
{
    const explore::sweep_report one = explore_pool(false);
    const explore::sweep_report fresh = explore_pool(true);
    std::fputs((to_text(one) + to_text(fresh)).c_str(), stdout);
    if (!fresh.absent.empty())
        return 77;
    return exit_code(one) == 0 && exit_code(fresh) == 3 ? 0 : 1;
}
