// SPDX-License-Identifier: MIT
//
// Which instruction a run has died at, and what the report says of it.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

volatile int state;

void two_steps()
{
    state = 1;
    state = 0;
}

[[gnu::noinline]] void write_to_nowhere()
{
    *reinterpret_cast<volatile int*>(0x123450) = 1;
}

[[gnu::noinline]] int deeper(int levels)
{
    volatile char room[512];
    room[0] = static_cast<char>(levels);
    const int below = levels == 0 ? 0 : deeper(levels - 1);
    asm volatile("" : : "r"(room) : "memory"); // or it is a loop, in less room
    return below + room[0];
}

volatile std::uintptr_t nowhere = 0x123450;

void jump_to_nowhere()
{
    reinterpret_cast<function>(nowhere)();
}

void go_too_deep(int)
{
    state = deeper(1000);
}

void fail_elsewhere(int)
{
    write_to_nowhere();
}

bool says(const sweep_report& r, const char* part)
{
    return !r.cells.empty() && r.cells.front().what.find(part) != std::string::npos;
}

sweep_report died(const target& t)
{
    limits one;
    one.bad_ends = 1;
    return sweep(t, one);
}

constexpr std::size_t alternate_size = 32 * 1024;

template <void (*Handler)(int)>
void install_on_an_alternate_stack()
{
    constexpr std::size_t guard = 64 * 1024;
    auto* memory = static_cast<char*>(
        mmap(nullptr, guard + alternate_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory, guard, PROT_NONE);
    stack_t s{};
    s.ss_sp = memory + guard;
    s.ss_size = alternate_size;
    sigaltstack(&s, nullptr);
    struct sigaction a {};
    a.sa_handler = Handler;
    a.sa_flags = static_cast<int>(SA_ONSTACK);
    sigaction(SIGRTMIN + 1, &a, nullptr);
}

/// Runs of all children of the next exploration.
std::atomic<int>& counted_runs()
{
    static void* const memory =
        mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *static_cast<std::atomic<int>*>(memory);
}

} // namespace

TEST_CASE("a crash in the handler is told with its instruction, code and address")
{
    const sweep_report r = died({.name = "nowhere", .window = two_steps, .nmi = write_to_nowhere});
    INFO(to_text(r));
    CHECK(r.count(verdict::crash) == 1);
    CHECK(says(r, "killed by SIGSEGV (SEGV_MAPERR, address 0x123450) in "));
    CHECK(says(r, "write_to_nowhere+0x"));
    if (!r.boundaries.empty() && !r.boundaries.front().source.empty())
        CHECK(says(r, "(crash_test.cpp:30)"));
    CHECK_FALSE(says(r, "alternate stack"));
    CHECK(r.cells.front().delivered_at == r.boundaries.front().ip);
}

TEST_CASE("a crash by a jump to nowhere is told, although there is no instruction")
{
    const sweep_report r = died({.name = "jump", .window = two_steps, .nmi = [] { jump_to_nowhere(); }});
    INFO(to_text(r));
    CHECK(says(r, "killed by SIGSEGV (SEGV_MAPERR, address 0x123450) in 0x123450"));
}

TEST_CASE("a signal that the run sent itself is no faulting instruction's")
{
    const sweep_report aborted = died({.name = "abort", .window = two_steps, .nmi = [] { std::abort(); }});
    INFO(to_text(aborted));
    CHECK(says(aborted, "killed by SIGABRT (sent, not caused by an instruction)"));
    const sweep_report sent = died({.name = "sent", .window = two_steps, .nmi = [] { raise(SIGSEGV); }});
    INFO(to_text(sent));
    CHECK(says(sent, "killed by SIGSEGV (sent, not caused by an instruction)"));
}

TEST_CASE("a handler that leaves its alternate stack dies outside of it, another one does not")
{
    const sweep_report overflow =
        died({.name = "overflow", .setup = install_on_an_alternate_stack<go_too_deep>, .window = two_steps});
    INFO(to_text(overflow));
    CHECK(says(overflow, "killed by SIGSEGV"));
    CHECK(says(overflow, "deeper"));
    CHECK(says(overflow, ", outside of the alternate stack"));
    const sweep_report inside =
        died({.name = "inside", .setup = install_on_an_alternate_stack<fail_elsewhere>, .window = two_steps});
    INFO(to_text(inside));
    CHECK(says(inside, "address 0x123450"));
    CHECK_FALSE(says(inside, "alternate stack"));
}

TEST_CASE("a program's own crash handler is left alone")
{
    counted_runs() = 0;
    limits two;
    two.bad_ends = 2;
    const sweep_report r = sweep({.name = "own",
                                  .setup =
                                      [] {
                                          std::signal(SIGSEGV, [](int) { _exit(7); });
                                          std::signal(SIGRTMIN + 1, [](int) {
                                              if (counted_runs()++ == 0) // from then on, places are noted
                                                  std::abort();
                                              write_to_nowhere();
                                          });
                                      },
                                  .window = two_steps},
                                 two);
    INFO(to_text(r));
    CHECK(says(r, "killed by SIGABRT"));
    REQUIRE(r.cells.size() == 2);
    CHECK(r.cells[1].what.find("ended the process, exit code 7") != std::string::npos);
}

TEST_CASE(
    "before its run and behind it a program finds the default action of the signals by which it may crash")
{
    static const auto others = [] {
        for (const int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
            struct sigaction a {};
            sigaction(s, nullptr, &a);
            if (a.sa_handler != SIG_DFL)
                return true;
        }
        return false;
    };
    static bool found;
    counted_runs() = 0;
    const sweep_report r = sweep({.name = "default",
                                  .prepare = [] { found = others(); },
                                  .window = two_steps,
                                  .nmi =
                                      [] {
                                          if (counted_runs()++ == 0) // from then on, places are noted
                                              write_to_nowhere();
                                      },
                                  .broken = [] { return found ? "a handler was there" : nullptr; }});
    INFO(to_text(r));
    CHECK(r.complete);
    CHECK(r.count(verdict::violation) == 0);
    // The run that was made again for the place did not crash; what was seen first counts, and once.
    CHECK(says(r, "killed by SIGSEGV"));
    CHECK(r.count(verdict::crash) == 1);
    CHECK(r.cells.size() == r.boundaries.size());
}
