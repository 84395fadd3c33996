// SPDX-License-Identifier: MIT
//
// A per-CPU counter that a task and its NMI handler increment, explored at every instruction. Three
// instructions (load, add, store) lose an update exactly when the NMI falls between the load and the store;
// one `add` to memory never does. In the kernel this is why this_cpu_inc() is one instruction on x86.
//
// Exit code: 0 if exactly this was measured, 77 if nothing can be explored, 1 otherwise.
#include <nmisim/explore.hpp>

#include <atomic>
#include <cstdio>

namespace explore = nmisim::explore;

static std::atomic<long> counter;

static void load_add_store()
{
    auto value = counter.load(std::memory_order_relaxed);
    asm volatile("" : "+r"(value)); // or clang would make it one add to memory
    counter.store(value + 1, std::memory_order_relaxed);
}
static void single_add()
{
    counter.fetch_add(1, std::memory_order_relaxed);
}

static explore::sweep_report explore_counter(const char* name, explore::function increment)
{
    return explore::sweep(
        {.name = name,
         .prepare = [] { counter.store(0, std::memory_order_relaxed); },
         .window = increment,
         .nmi = increment,
         .broken =
             [] { return counter.load(std::memory_order_relaxed) == 2 ? nullptr : "an update is lost"; }});
}

int main()
{
    const explore::sweep_report three = explore_counter("counter, load/add/store", load_add_store);
    const explore::sweep_report one = explore_counter("counter, one add", single_add);
    std::fputs((to_text(three, true) + to_text(one, true)).c_str(), stdout);
    if (!three.absent.empty())
        return exit_code(three);
    return exit_code(three) == 3 && exit_code(one) == 0 ? 0 : 1;
}
