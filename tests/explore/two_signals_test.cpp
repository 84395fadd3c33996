// SPDX-License-Identifier: MIT
//
// Two different signals: the second one comes into the handler of the first.
#include "nmisim/explore_replay.hpp"
#include "report/explore_report.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <string>
#include <vector>

#include <unistd.h>

using namespace nmisim::explore;

namespace {

volatile int used;
volatile int entries[8];
std::atomic<int> came;
volatile int work_done;
volatile int value;
volatile int* volatile pointer;
sigjmp_buf out;

void push(int signal)
{
    came.fetch_add(1, std::memory_order_relaxed);
    const int at = used;
    entries[at] = signal;
    used = at + 1;
}

void reset()
{
    used = 0;
    came.store(0, std::memory_order_relaxed);
}

void install(void (*first)(int), void (*second)(int), bool block_all)
{
    struct sigaction a {};
    a.sa_handler = first;
    if (block_all)
        sigfillset(&a.sa_mask);
    sigaction(SIGUSR1, &a, nullptr);
    a.sa_handler = second;
    sigaction(SIGUSR2, &a, nullptr);
}

void install_open()
{
    install(push, push, false);
}

void install_blocking()
{
    install(push, push, true);
}

[[gnu::noinline]] void work()
{
    work_done = work_done + 1;
}

[[gnu::noinline]] void work_blocked()
{
    sigset_t both;
    sigset_t before;
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    sigprocmask(SIG_BLOCK, &both, &before);
    work_done = work_done + 1;
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

[[gnu::noinline]] void work_second_blocked()
{
    sigset_t one;
    sigset_t before;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    sigprocmask(SIG_BLOCK, &one, &before);
    work_done = work_done + 1;
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

const char* nothing_lost()
{
    return used == came.load(std::memory_order_relaxed) ? nullptr : "an entry is lost";
}

target two_of(function setup, function window = work)
{
    return {.name = "two signals",
            .setup = setup,
            .prepare = reset,
            .window = window,
            .broken = nothing_lost,
            .signal = SIGUSR1,
            .second = {.signal = SIGUSR2}};
}

std::vector<std::array<std::uint64_t, 2>> found(const sweep_report& r)
{
    std::vector<std::array<std::uint64_t, 2>> pairs;
    for (const pair_cell& c : r.pairs)
        if (c.verdict == verdict::violation)
            pairs.push_back({c.boundary, c.inside});
    return pairs;
}

std::ptrdiff_t pairs_at(const sweep_report& r, std::uint32_t boundary)
{
    return std::count_if(r.pairs.begin(), r.pairs.end(),
                         [&](const pair_cell& c) { return c.boundary == boundary; });
}

} // namespace

TEST_CASE("the second signal in the handler of the first loses an entry, at the same places each time")
{
    const method how = GENERATE(method::automatic, method::single_step);
    limits l;
    l.how = how;
    const sweep_report r = sweep(two_of(install_open), l);
    INFO(to_text(r, true));
    CHECK(exit_code(r) == 3);
    for (const sweep_cell& c : r.cells)
        CHECK(c.verdict == verdict::clean); // each is right by itself
    const auto where = found(r);
    CHECK(where.size() >= r.boundaries.size());
    CHECK(where.size() % r.boundaries.size() == 0); // the same at each boundary of the window
    CHECK(r.count(verdict::clean) + r.count(verdict::violation) == r.cells.size() + r.pairs.size());
    for (const pair_cell& c : r.pairs) {
        if (c.together)
            CHECK(c.verdict == verdict::clean);
        else
            CHECK(c.delivered_at == c.ip);
    }
    for (int i = 0; i < 5; ++i)
        CHECK(found(sweep(two_of(install_open), l)) == where);
}

TEST_CASE(
    "a second signal that the first one's handler blocks comes where that one came, and nothing is lost")
{
    const method how = GENERATE(method::automatic, method::single_step);
    const bool blocked = GENERATE(false, true);
    limits l;
    l.how = how;
    const sweep_report r = sweep(two_of(install_blocking, blocked ? work_blocked : work), l);
    INFO(to_text(r, true));
    CHECK(exit_code(r) == 0);
    CHECK(r.count(verdict::clean) == r.cells.size() + r.pairs.size());
    CHECK(r.pairs.size() > r.boundaries.size());
    for (const pair_cell& c : r.pairs)
        if (!c.together)
            CHECK(c.delivered_at == r.cells[c.boundary].delivered_at);
}

TEST_CASE(
    "a second signal that the window blocks comes where the window opens it, behind the first one's handler")
{
    const method how = GENERATE(method::automatic, method::single_step);
    limits l;
    l.how = how;
    const sweep_report r = sweep(two_of(install_open, work_second_blocked), l);
    INFO(to_text(r, true));
    std::size_t late = 0;
    for (const pair_cell& c : r.pairs) {
        CHECK((c.verdict == verdict::clean || c.verdict == verdict::violation));
        late += c.delivered_at != c.ip && !c.together ? 1 : 0;
        if (c.delivered_at != c.ip)
            CHECK(c.verdict == verdict::clean);
    }
    CHECK(late > 0);
}

TEST_CASE("where the window blocks the first signal, one boundary stands for all from which it comes to the "
          "same place")
{
    const sweep_report r = sweep(two_of(install_open, work_blocked));
    INFO(to_text(r, true));
    std::size_t late = 0;
    std::size_t late_with_second = 0;
    for (const sweep_cell& c : r.cells) {
        const bool came_late = c.delivered_at != r.boundaries[c.boundary].ip;
        late += came_late ? 1 : 0;
        late_with_second += came_late && pairs_at(r, c.boundary) != 0 ? 1 : 0;
        if (!came_late)
            CHECK(pairs_at(r, c.boundary) > 0);
    }
    CHECK(late > 1);
    CHECK(late_with_second == 1);
    CHECK(r.count(verdict::violation) > 0);
}

TEST_CASE("of two signals that are pending together the kernel takes the lower number first")
{
    // Each blocks the other: the one that is taken first runs first.
    target t = two_of(install_blocking);
    t.broken = [] { return used == 2 && entries[0] != SIGUSR1 ? "SIGUSR2 was first" : nullptr; };
    const sweep_report lower = sweep(t);
    INFO(to_text(lower, true));
    CHECK(exit_code(lower) == 0);
    t.signal = SIGUSR2;
    t.second.signal = SIGUSR1;
    t.broken = [] { return used == 2 && entries[0] != SIGUSR2 ? "SIGUSR1 was first" : nullptr; };
    const sweep_report higher = sweep(t);
    INFO(to_text(higher, true));
    CHECK(found(higher).size() == higher.boundaries.size());
    for (const pair_cell& c : higher.pairs)
        CHECK((c.verdict == verdict::violation) == c.together);
    // Neither blocks the other: the handler of the one that is taken last interrupts the other's, at its first instruction.
    t = two_of(install_open);
    t.broken = [] { return used == 2 && entries[0] != SIGUSR2 ? "SIGUSR1 was first" : nullptr; };
    for (const sweep_report open = sweep(t); const pair_cell& c : open.pairs)
        if (c.together)
            CHECK(c.verdict == verdict::clean);
}

TEST_CASE("a second handler that is named does not block, and is not blocked by, the first one")
{
    const sweep_report r = sweep({.name = "plain",
                                  .prepare = reset,
                                  .window = work,
                                  .nmi = [] { push(1); },
                                  .broken = nothing_lost,
                                  .second = {.signal = SIGRTMIN + 2, .nmi = [] { push(2); }}});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::violation) > 0);
    CHECK(r.count(verdict::not_reached) == 0);
}

TEST_CASE("with a process for each run the second signal finds the same")
{
    limits fresh;
    fresh.fresh = true;
    const sweep_report r = sweep(two_of(install_open), fresh);
    INFO(to_text(r, true));
    CHECK(found(r) == found(sweep(two_of(install_open))));
}

TEST_CASE("a second signal that kills the run is a finding with both places, and the sweep goes on behind it")
{
    target t = two_of([] {
        install(
            [](int) {
                pointer = nullptr;
                pointer = &value;
            },
            [](int) { *pointer = 1; }, false);
    });
    t.prepare = [] { pointer = &value; };
    t.broken = nullptr;
    const sweep_report r = sweep(t);
    INFO(to_text(r, true));
    CHECK(r.count(verdict::crash) >= r.boundaries.size());
    CHECK(r.count(verdict::crash) + r.count(verdict::clean) == r.cells.size() + r.pairs.size());
    CHECK(r.complete);
    const auto bad = std::find_if(r.pairs.begin(), r.pairs.end(),
                                  [](const pair_cell& c) { return c.verdict == verdict::crash; });
    REQUIRE(bad != r.pairs.end());
    CHECK(bad->what.find("SIGSEGV") != std::string::npos);
    const auto is_there = [&](const place& p) { return p.ip == bad->ip && !p.instruction.empty(); };
    CHECK(std::any_of(r.handler.begin(), r.handler.end(), is_there));
    CHECK(to_text(r).find("\n     second  ") != std::string::npos);
}

TEST_CASE("a finding of two signals comes again by its token, inside the handler and together")
{
    target t = two_of(install_open);
    t.broken = [] { return used == 2 && entries[0] == SIGUSR2 ? "SIGUSR2 was first" : nothing_lost(); };
    const sweep_report r = sweep(t);
    INFO(to_text(r, true));
    bool inside = false;
    bool together = false;
    for (const pair_cell& c : r.pairs) {
        bool& seen = c.together ? together : inside;
        if (c.verdict != verdict::violation || seen || (!c.together && c.inside == 0))
            continue;
        seen = true;
        int helds = 0;
        const sweep_report again =
            replay(t, c.token, {}, [&](const held_run& h) { helds += h.pid != 0 ? 1 : 0; });
        INFO(c.token << "\n" << to_text(again, true));
        CHECK(exit_code(again) == 3);
        CHECK(helds == 1);
        REQUIRE(again.pairs.size() == 1);
        CHECK(again.pairs[0].together == c.together);
        CHECK(again.pairs[0].ip == c.ip);
        CHECK(again.pairs[0].token == c.token);
    }
    CHECK(inside);
    CHECK(together);
    t.second.signal = 0;
    for (const pair_cell& c : r.pairs)
        if (!c.token.empty()) {
            CHECK(replay(t, c.token).incomplete ==
                  "the token is of two signals, and target::second is not set");
            break;
        }
}

TEST_CASE("JSON has both places of a pair, and only those of findings have names where that is wanted")
{
    limits few_names;
    few_names.name_all = false;
    const sweep_report found_only = sweep(two_of(install_open), few_names);
    CHECK_FALSE(found_only.handler.empty());
    for (const pair_cell& c : found_only.pairs)
        if (c.verdict == verdict::violation)
            CHECK_FALSE(found_only.boundaries[c.boundary].symbol.empty());
    CHECK(found_only.handler.size() < sweep(two_of(install_open)).handler.size());
    const any_report r = sweep(two_of(install_open));
    const std::string text = to_json(std::span(&r, 1), {}, true, {});
    CHECK(text.find("\"second_before\": \"0x") != std::string::npos);
    CHECK(text.find("\"handler\": [") != std::string::npos);
}

TEST_CASE("what was not tried with the second signal is not clean")
{
    limits few;
    few.pairs = 5;
    const sweep_report limited = sweep(two_of(install_blocking), few);
    CHECK(exit_code(limited) == 1);
    CHECK(limited.pairs.size() == few.pairs);
    CHECK(limited.incomplete == "gave up after 5 pairs of places, see limits::pairs");

    target t = two_of([] { install(push, SIG_IGN, false); });
    const sweep_report ignored = sweep(t);
    INFO(to_text(ignored));
    CHECK(exit_code(ignored) == 1);
    CHECK(ignored.incomplete.find("SIGUSR2: it has no handler") != std::string::npos);

    t.second.signal = SIGUSR1;
    CHECK(sweep(t).incomplete == "nothing was tried: target::second has the signal of the first one");

    const sweep_report leaves = sweep({.name = "leaves",
                                       .setup =
                                           [] {
                                               install(
                                                   [](int) {
                                                       if (used != 0)
                                                           siglongjmp(out, 1);
                                                   },
                                                   push, false);
                                           },
                                       .prepare = reset,
                                       .window =
                                           [] {
                                               if (sigsetjmp(out, 1) == 0) {
                                                   used = 1;
                                                   work();
                                               }
                                               used = 0;
                                           },
                                       .signal = SIGUSR1,
                                       .second = {.signal = SIGUSR2}});
    INFO(to_text(leaves));
    CHECK(exit_code(leaves) == 1);
    CHECK(leaves.incomplete.find("was not seen to return") != std::string::npos);

    limits short_ones;
    short_ones.boundaries = 100;
    const sweep_report too_long = sweep(two_of([] {
                                            install(
                                                [](int) {
                                                    for (int i = 0; i < 100; ++i)
                                                        work_done = i;
                                                },
                                                push, false);
                                        }),
                                        short_ones);
    INFO(to_text(too_long));
    CHECK(exit_code(too_long) == 1);
    CHECK(too_long.incomplete.find("was not seen to return") != std::string::npos);
}

namespace {

void ask_mask(sigset_t& now)
{
    sigprocmask(SIG_BLOCK, nullptr, &now);
}

void ask_and_push(int signal)
{
    sigset_t now;
    ask_mask(now);
    push(signal);
}

void install_asking()
{
    install(ask_and_push, ask_and_push, false);
}

[[gnu::noinline]] void work_and_ask()
{
    sigset_t now;
    ask_mask(now);
    work_done = work_done + 1;
}

void close_or_open(int how, int signal)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    sigprocmask(how, &one, nullptr);
}

volatile int ends;
volatile int early;
volatile int in_window;
volatile int has_crash_handler;
volatile int open_for_crashes;

} // namespace

TEST_CASE(
    "of two open signals that are pending together both handlers are seen, whichever has the lower number")
{
    const bool second_is_lower = GENERATE(false, true);
    const bool handlers_ask = GENERATE(false, true); // by a call that is made for them
    target t = two_of(handlers_ask ? install_asking : install_open, work_and_ask);
    t.signal = second_is_lower ? SIGUSR2 : SIGUSR1;
    t.second.signal = second_is_lower ? SIGUSR1 : SIGUSR2;
    t.broken = [] { return used == 2 && entries[0] == SIGUSR2 ? "SIGUSR2 was first" : nullptr; };
    const sweep_report r = sweep(t);
    INFO(to_text(r, true));
    CHECK(r.complete);
    CHECK(r.count(verdict::not_reached) == 0);
    std::size_t together = 0;
    for (const pair_cell& c : r.pairs) {
        together += c.together ? 1 : 0;
        CHECK(c.delivered_at != 0);
        if (c.together) // the handler of the higher number interrupts the other one at its first instruction
            CHECK(c.verdict == verdict::violation);
    }
    CHECK(together == r.boundaries.size());
}

TEST_CASE("a second signal that is blocked at every boundary was not tried, also where setup has closed it")
{
    target t = two_of(install_open);
    if (GENERATE(false, true))
        t.setup = [] {
            install_open();
            close_or_open(SIG_BLOCK, SIGUSR2);
        };
    else
        t.prepare = [] {
            reset();
            close_or_open(SIG_BLOCK, SIGUSR2);
        };
    const sweep_report r = sweep(t);
    INFO(to_text(r));
    CHECK_FALSE(r.pairs.empty());
    CHECK(exit_code(r) == 1);
    CHECK(r.incomplete ==
          "nothing was tried with SIGUSR2: it is blocked or ignored everywhere, and its handler never ran");
}

TEST_CASE("where the first handler ends the process the second signal was not tried, and the report says so")
{
    target t = two_of(
        [] {
            install(
                [](int) {
                    if (ends != 0)
                        _exit(3);
                },
                [](int) {}, false);
        },
        [] {
            ends = 1;
            work();
            ends = 0;
            work();
        });
    t.prepare = [] { ends = 0; };
    t.broken = nullptr;
    t.ended = [](const run_end& e) { return e.exit_code == 3 ? nullptr : "not by 3"; };
    const sweep_report r = sweep(t);
    INFO(to_text(r));
    CHECK_FALSE(r.pairs.empty());
    CHECK(exit_code(r) == 1);
    CHECK(r.incomplete.find("the first handler ended the process") != std::string::npos);
}

TEST_CASE("a first signal that the second one's handler closes does not come in the next run")
{
    target t = two_of([] {
        struct sigaction a {};
        a.sa_flags = SA_SIGINFO;
        sigfillset(&a.sa_mask);
        a.sa_sigaction = [](int, siginfo_t*, void* context) {
            sigaddset(&static_cast<ucontext_t*>(context)->uc_sigmask, SIGUSR2);
        };
        sigaction(SIGUSR1, &a, nullptr);
        a = {};
        a.sa_handler = [](int) { early = early + (in_window == 0 ? 1 : 0); };
        sigfillset(&a.sa_mask);
        sigaction(SIGUSR2, &a, nullptr);
    });
    t.signal = SIGUSR2;
    t.second.signal = SIGUSR1; // together it is taken first
    t.prepare = [] {
        in_window = 0;
        early = 0;
        close_or_open(SIG_UNBLOCK, SIGUSR2);
        in_window = 1;
    };
    t.broken = [] { return early != 0 ? "a signal of the run before" : nullptr; };
    const sweep_report r = sweep(t);
    INFO(to_text(r, true));
    CHECK(r.count(verdict::not_reached) > 0); // it comes nowhere there
    CHECK(r.count(verdict::clean) > r.cells.size());
    CHECK(r.count(verdict::violation) == 0);
}

TEST_CASE("a handler blocks the signals of crashes behind where the window has a handler for them")
{
    target t = two_of(
        [] {
            install(
                [](int) {
                    sigset_t now;
                    ask_mask(now);
                    if (has_crash_handler != 0 && sigismember(&now, SIGSEGV) == 0)
                        open_for_crashes = 1;
                },
                [](int) {}, true);
        },
        [] {
            work();
            std::signal(SIGSEGV, [](int) {});
            has_crash_handler = 1;
            work();
        });
    t.prepare = [] {
        std::signal(SIGSEGV, SIG_DFL);
        has_crash_handler = 0;
        open_for_crashes = 0;
    };
    t.broken = [] { return open_for_crashes != 0 ? "SIGSEGV is open in the handler" : nullptr; };
    const sweep_report r = sweep(t);
    INFO(to_text(r));
    CHECK(exit_code(r) == 0);
}
