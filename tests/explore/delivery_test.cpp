// SPDX-License-Identifier: MIT
//
// Which handler an NMI runs: the one that is installed at that boundary, also if the window swaps it.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <atomic>
#include <csignal>
#include <string>

#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

volatile int olds;
volatile int news;
struct sigaction chained;

void old_handler(int, siginfo_t*, void*)
{
    olds = olds + 1;
}

void new_handler(int signal, siginfo_t* info, void* context)
{
    news = news + 1;
    if (chained.sa_sigaction != nullptr)
        chained.sa_sigaction(signal, info, context);
}

struct sigaction action_of(void (*handler)(int, siginfo_t*, void*), int more_flags = 0)
{
    struct sigaction a {};
    a.sa_sigaction = handler;
    a.sa_flags = SA_SIGINFO | more_flags;
    return a;
}

void begin_with_the_old()
{
    const struct sigaction a = action_of(old_handler);
    sigaction(SIGRTMIN + 1, &a, nullptr);
    chained = {};
    olds = 0;
    news = 0;
}

void swap()
{
    const struct sigaction a = action_of(new_handler);
    struct sigaction before {};
    sigaction(SIGRTMIN + 1, &a, &before);
    chained = before;
}

void swap_while_blocked()
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    swap();
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

const char* the_old_one_ran()
{
    return olds == 1 ? nullptr : "the old handler missed it";
}

target swapping(const char* name, function window)
{
    return {.name = name,
            .setup = begin_with_the_old,
            .prepare = begin_with_the_old,
            .window = window,
            .broken = the_old_one_ran};
}

void ignore_for_a_while()
{
    std::signal(SIGRTMIN + 1, SIG_IGN);
    olds = olds + 1;
    olds = olds - 1;
    const struct sigaction a = action_of(old_handler);
    sigaction(SIGRTMIN + 1, &a, nullptr);
}

void default_for_a_while()
{
    std::signal(SIGRTMIN + 1, SIG_DFL);
    const struct sigaction a = action_of(old_handler);
    sigaction(SIGRTMIN + 1, &a, nullptr);
}

} // namespace

TEST_CASE("a window that swaps the handler loses the signal between sigaction and the store of the old one")
{
    for (const method how : {method::automatic, method::single_step}) {
        limits l;
        l.how = how;
        const sweep_report r = sweep(swapping("swap", swap), l);
        INFO(to_text(r, true));
        CHECK(exit_code(r) == 3);
        CHECK(r.count(verdict::violation) > 0);
        CHECK(r.count(verdict::clean) > 0);
        CHECK(r.count(verdict::clean) + r.count(verdict::violation) == r.boundaries.size());
        CHECK(r.handler_runs() == r.boundaries.size());
        for (const sweep_cell& c : r.cells)
            CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
    }
}

TEST_CASE("a window that blocks the signal while it swaps the handler is clean")
{
    for (const method how : {method::automatic, method::single_step}) {
        limits l;
        l.how = how;
        const sweep_report r = sweep(swapping("swap, blocked", swap_while_blocked), l);
        INFO(to_text(r, true));
        CHECK(exit_code(r) == 0);
        CHECK(r.count(verdict::clean) == r.boundaries.size());
        std::size_t late = 0;
        for (const sweep_cell& c : r.cells)
            late += c.delivered_at != r.boundaries[c.boundary].ip ? 1 : 0;
        CHECK(late > 0);
    }
}

TEST_CASE("what the program asks for its handler it gets, not the explorer's")
{
    const sweep_report r =
        sweep({.name = "query",
               .setup = begin_with_the_old,
               .prepare = begin_with_the_old,
               .window =
                   [] {
                       struct sigaction seen {};
                       sigaction(SIGRTMIN + 1, nullptr, &seen);
                       if (seen.sa_sigaction != old_handler)
                           news = 1;
                   },
               .broken = [] { return news == 0 ? nullptr : "another handler was there"; }});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::clean) == r.boundaries.size());
}

TEST_CASE("a handler that runs once, by SA_RESETHAND, is gone behind its NMI")
{
    static volatile bool still_there;
    const function once = [] {
        const struct sigaction a = action_of(old_handler, static_cast<int>(SA_RESETHAND));
        sigaction(SIGRTMIN + 1, &a, nullptr);
        olds = 0;
        news = 0;
    };
    const sweep_report r = sweep({.name = "once",
                                  .setup = once,
                                  .prepare = once,
                                  .window = [] { news = 0; },
                                  .broken = []() -> const char* {
                                      struct sigaction seen {};
                                      sigaction(SIGRTMIN + 1, nullptr, &seen);
                                      still_there = seen.sa_handler != SIG_DFL;
                                      return still_there || olds != 1 ? "not once" : nullptr;
                                  }});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::clean) == r.boundaries.size());
}

TEST_CASE("where the window ignores the signal nothing runs, and that is not clean")
{
    target t = swapping("ignored", ignore_for_a_while);
    t.broken = nullptr;
    const sweep_report r = sweep(t);
    INFO(to_text(r, true));
    CHECK(r.count(verdict::unhandled) > 2);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(r.count(verdict::clean) + r.count(verdict::unhandled) == r.boundaries.size());
    CHECK(r.handler_runs() == r.count(verdict::clean));
    CHECK(exit_code(r) == 0);
    CHECK(to_text(r).find("the handler ran for ") != std::string::npos);

    const sweep_report asked = sweep(swapping("ignored", ignore_for_a_while));
    INFO(to_text(asked, true));
    CHECK(asked.count(verdict::violation) == r.count(verdict::unhandled));
}

TEST_CASE("where the window leaves the signal to its default action, the process ends there")
{
    limits a_few;
    a_few.bad_ends = 6;
    const sweep_report r = sweep(swapping("default", default_for_a_while), a_few);
    INFO(to_text(r, true));
    CHECK(exit_code(r) == 3);
    CHECK(r.count(verdict::crash) == a_few.bad_ends);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(r.count(verdict::clean) + r.count(verdict::crash) == r.cells.size());
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::crash) {
            CHECK(c.delivered_at == 0);
            CHECK(c.what.find("no handler is installed there") != std::string::npos);
        }
}

TEST_CASE("a signal whose default is to do nothing is ignored where it has no handler")
{
    const sweep_report r = sweep({.name = "SIGURG",
                                  .window =
                                      [] {
                                          std::signal(SIGURG, SIG_DFL);
                                          std::signal(SIGURG, [](int) { news = news + 1; });
                                      },
                                  .signal = SIGURG});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::unhandled) > 0);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(r.count(verdict::crash) == 0);
}

TEST_CASE("a window that takes the signal by sigwait has no handler run, and its check is asked")
{
    const auto window = [] {
        sigset_t one;
        sigset_t before;
        sigemptyset(&one);
        sigaddset(&one, SIGRTMIN + 1);
        sigprocmask(SIG_BLOCK, &one, &before);
        const timespec now{};
        sigtimedwait(&one, nullptr, &now);
        sigprocmask(SIG_SETMASK, &one, nullptr); // and closed to the window's end
    };
    target t{.name = "sigwait",
             .setup = begin_with_the_old,
             .prepare =
                 [] {
                     sigset_t none;
                     sigemptyset(&none);
                     sigprocmask(SIG_SETMASK, &none, nullptr);
                     begin_with_the_old();
                 },
             .window = window};
    const sweep_report r = sweep(t);
    INFO(to_text(r, true));
    CHECK(r.count(verdict::unhandled) > 0);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(r.count(verdict::held) > 0);
    t.broken = the_old_one_ran;
    CHECK(sweep(t).count(verdict::violation) == r.count(verdict::unhandled));
}

TEST_CASE("a signal that only a waiting call lets in meets its handler there")
{
    const sweep_report r = sweep({.name = "ppoll",
                                  .setup = begin_with_the_old,
                                  .prepare = begin_with_the_old,
                                  .window =
                                      [] {
                                          sigset_t all;
                                          sigset_t before;
                                          sigfillset(&all);
                                          sigprocmask(SIG_SETMASK, &all, &before);
                                          const timespec now{};
                                          ppoll(nullptr, 0, &now, &before);
                                          sigprocmask(SIG_SETMASK, &before, nullptr);
                                      },
                                  .broken = the_old_one_ran});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::clean) == r.boundaries.size());
    CHECK(r.handler_runs() == r.boundaries.size());
}

TEST_CASE("a handler that a waiting call lets in may meet a breakpoint, also where the call's mask closes "
          "all others")
{
    const sweep_report r =
        sweep({.name = "ppoll, all but one",
               .window =
                   [] {
                       sigset_t all;
                       sigset_t before;
                       sigfillset(&all);
                       sigprocmask(SIG_SETMASK, &all, &before);
                       sigdelset(&all, SIGRTMIN + 1);
                       const timespec now{};
                       ppoll(nullptr, 0, &now, &all);
                       sigprocmask(SIG_SETMASK, &before, nullptr);
                   },
               .nmi =
                   [] {
                       sigset_t now;
                       sigprocmask(SIG_BLOCK, nullptr, &now); // the window's has a breakpoint
                   }});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::clean) == r.boundaries.size());
    CHECK(r.handler_runs() == r.boundaries.size());
}

TEST_CASE("a run that has left its recorded path is not told as held, however its signal stands")
{
    static auto& runs = *static_cast<std::atomic<int>*>(mmap( // a fork does not bring it back
        nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    static volatile long sum;
    const sweep_report r = sweep({.name = "left its path",
                                  .setup =
                                      [] {
                                          begin_with_the_old();
                                          runs.store(0, std::memory_order_relaxed); // one thread
                                      },
                                  .prepare =
                                      [] {
                                          sigset_t none;
                                          sigemptyset(&none);
                                          sigprocmask(SIG_SETMASK, &none, nullptr);
                                      },
                                  .window =
                                      [] {
                                          sigset_t all;
                                          sigfillset(&all);
                                          sigprocmask(SIG_SETMASK, &all, nullptr);
                                          constexpr int warm_up_and_two_recordings = 3;
                                          if (runs.fetch_add(1, std::memory_order_relaxed) <
                                              warm_up_and_two_recordings) // as above
                                              sum = sum * 3;
                                          else
                                              asm volatile("nop"); // or one path chooses between two sums
                                      }});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::not_reached) > 0);
    CHECK(r.count(verdict::held) > 0);
    CHECK(exit_code(r) == 1);
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::not_reached)
            CHECK(c.what.starts_with("the run took another path than the recorded one"));
}
