// SPDX-License-Identifier: MIT
//
// A trace ring that both a task and its NMI handler write, like ftrace's. The entry must be reserved before it is
// filled: if `head` moves afterwards, the handler writes into the task's entry. Both versions are explored at
// every instruction. Each entry must be there once, and whole.
//
// Exit code: 0 if only the first version is found broken, 77 if nothing can be explored, 1 otherwise.
#include <nmisim/explore.hpp>

#include <atomic>
#include <cstdio>

namespace explore = nmisim::explore;

namespace {

struct entry {
    long who;
    long payload; // must be ~who
};

entry ring[8];
std::atomic<unsigned> head;

void fill(entry& e, long who)
{
    e.who = who;
    std::atomic_signal_fence(std::memory_order_seq_cst); // the compiler keeps the two stores apart
    e.payload = ~who;
}

void write_then_reserve(long who)
{
    const unsigned at = head.load(std::memory_order_relaxed);
    fill(ring[at % 8], who);
    head.store(at + 1, std::memory_order_relaxed);
}

void reserve_then_write(long who)
{
    fill(ring[head.fetch_add(1, std::memory_order_relaxed) % 8], who);
}

void prepare()
{
    for (entry& e : ring)
        e = {};
    head.store(0, std::memory_order_relaxed);
}

const char* broken()
{
    int seen[3] = {};
    for (unsigned i = 0; i < head.load(std::memory_order_relaxed); ++i) {
        if (ring[i].who != 1 && ring[i].who != 2)
            return "an entry was never written";
        if (ring[i].payload != ~ring[i].who)
            return "an entry is torn";
        ++seen[ring[i].who];
    }
    return seen[1] == 1 && seen[2] == 1 ? nullptr : "an entry is lost";
}

} // namespace

int main()
{
    const explore::sweep_report bad = explore::sweep({.name = "ring, reserved after the write",
                                                      .prepare = prepare,
                                                      .window = [] { write_then_reserve(1); },
                                                      .nmi = [] { write_then_reserve(2); },
                                                      .broken = broken});
    const explore::sweep_report good = explore::sweep({.name = "ring, reserved before the write",
                                                       .prepare = prepare,
                                                       .window = [] { reserve_then_write(1); },
                                                       .nmi = [] { reserve_then_write(2); },
                                                       .broken = broken});
    std::fputs((to_text(bad) + to_text(good)).c_str(), stdout);
    if (!bad.absent.empty())
        return exit_code(bad);
    return exit_code(bad) == 3 && exit_code(good) == 0 ? 0 : 1;
}
