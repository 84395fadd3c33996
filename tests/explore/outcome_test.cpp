// SPDX-License-Identifier: MIT
//
// What a sweep says of a run that tried nothing, and of one that ended its process.
#include "base/signal_mask.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include <unistd.h>

using namespace nmisim::explore;

namespace {

volatile int at;
volatile int nmis;

void two_steps()
{
    at = 1;
    at = 2;
    at = 0;
}

void nothing() {}

void count()
{
    nmis = nmis + 1;
}

bool says(const std::string& text, const char* part)
{
    return text.find(part) != std::string::npos;
}

std::vector<std::uint32_t> boundaries_of(const sweep_report& r, verdict v)
{
    std::vector<std::uint32_t> found;
    for (const sweep_cell& c : r.cells)
        if (c.verdict == v)
            found.push_back(c.boundary);
    return found;
}

void was_not_tried(const sweep_report& r, const char* why)
{
    INFO(to_text(r));
    CHECK(exit_code(r) == 1);
    CHECK_FALSE(r.clean());
    CHECK(r.count(verdict::clean) == 0);
    CHECK(says(r.incomplete, why));
    CHECK(says(to_text(r), why));
}

// A crash handler that passes its signal on.
void pass_on(int signal)
{
    std::signal(signal, SIG_DFL);
    nmisim::change_mask(SIG_UNBLOCK, signal);
    raise(signal);
    _exit(128 + signal);
}

// The same, but the signal is still blocked where it is raised.
void pass_on_too_early(int signal)
{
    std::signal(signal, SIG_DFL);
    raise(signal);
    _exit(128 + signal);
}

template <void (*Handler)(int)>
void install()
{
    std::signal(SIGRTMIN + 1, Handler);
}

} // namespace

TEST_CASE("a sweep whose signal has no handler has tried nothing")
{
    was_not_tried(sweep({.name = "no handler", .window = two_steps}), "no handler for SIGRTMIN+1");
    was_not_tried(sweep({.name = "ignored",
                         .setup = [] { std::signal(SIGUSR1, SIG_IGN); },
                         .window = two_steps,
                         .signal = SIGUSR1}),
                  "no handler for SIGUSR1");
}

TEST_CASE("a sweep without a window, or by the signal that it steps with, has tried nothing")
{
    was_not_tried(sweep({.name = "no window", .nmi = nothing}), "target::window is not set");
    was_not_tried(sweep({.name = "trap", .window = two_steps, .nmi = nothing, .signal = SIGTRAP}), "SIGTRAP");
}

TEST_CASE("a sweep whose signal is blocked from before the window to behind it has tried nothing")
{
    was_not_tried(sweep({.name = "blocked",
                         .setup = [] { nmisim::change_mask(SIG_BLOCK, SIGRTMIN + 1); },
                         .window = two_steps,
                         .nmi = count}),
                  "its handler never ran");
}

TEST_CASE("a recording needs no handler")
{
    const sweep_report r = record({.name = "record", .window = two_steps});
    INFO(to_text(r));
    CHECK(exit_code(r) == 0);
    CHECK(r.boundaries.size() > 3);
}

TEST_CASE("a map without a reader or an updater has tried nothing")
{
    for (const race& half :
         {race{.name = "no updater", .reader = nothing}, race{.name = "no reader", .updater = nothing}}) {
        const map_report r = map(half);
        CHECK(exit_code(r) == 1);
        CHECK(says(to_text(r), "nothing was tried: race::"));
    }
}

TEST_CASE("a clean cell says where its handler interrupted, and a report how many handlers ran")
{
    const sweep_report r = sweep({.name = "count", .window = two_steps, .nmi = count});
    INFO(to_text(r, true));
    CHECK(r.clean());
    CHECK(r.handler_runs() == r.boundaries.size());
    for (const sweep_cell& c : r.cells)
        CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
}

TEST_CASE(
    "a handler that ends the process with an exit code is a finding at its boundary, and the sweep goes on")
{
    for (const auto& [leave, words] : {std::pair{function([] {
                                                     if (at == 1)
                                                         _exit(3);
                                                 }),
                                                 "ended the process, exit code 3"},
                                       std::pair{function([] {
                                                     if (at == 1)
                                                         _exit(0);
                                                 }),
                                                 "ended the process, exit code 0"},
                                       std::pair{function([] {
                                                     if (at == 1)
                                                         std::exit(1);
                                                 }),
                                                 "ended the process, exit code 1"},
                                       std::pair{function([] {
                                                     if (at == 1)
                                                         std::abort();
                                                 }),
                                                 "killed by SIGABRT"},
                                       std::pair{function([] {
                                                     if (at == 1)
                                                         raise(SIGRTMIN + 3);
                                                 }),
                                                 "killed by SIGRTMIN+3"}}) {
        const sweep_report r = sweep({.name = words, .window = two_steps, .nmi = leave});
        INFO(to_text(r, true));
        CHECK(exit_code(r) == 3);
        CHECK(r.complete);
        CHECK(r.cells.size() == r.boundaries.size());
        CHECK(r.count(verdict::crash) > 0);
        CHECK(r.count(verdict::clean) > 0);
        CHECK(r.count(verdict::clean) + r.count(verdict::crash) == r.cells.size());
        for (const sweep_cell& c : r.cells)
            if (c.verdict == verdict::crash) {
                CHECK(says(c.what, words));
                CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
            }
    }
}

TEST_CASE("a crash handler that passes its signal on is clean, one that leaves by an exit code is not")
{
    const sweep_report right = sweep({.name = "right", .setup = install<pass_on>, .window = two_steps});
    INFO(to_text(right));
    CHECK(exit_code(right) == 0);
    CHECK(right.count(verdict::clean) == right.boundaries.size());
    CHECK(says(to_text(right),
               "ended the process: killed by SIGRTMIN+1, the explored signal, behind its handler"));
    const sweep_report wrong =
        sweep({.name = "wrong", .setup = install<pass_on_too_early>, .window = two_steps});
    INFO(to_text(wrong));
    CHECK(exit_code(wrong) == 3);
    CHECK(wrong.count(verdict::crash) == wrong.boundaries.size());
}

TEST_CASE("clean ends are not counted as bad ones")
{
    limits one;
    one.bad_ends = 1;
    CHECK(exit_code(sweep({.name = "right", .setup = install<pass_on>, .window = two_steps}, one)) == 0);
}

TEST_CASE("the target says how a run may end")
{
    const target leaves_with_3{
        .name = "leaves",
        .window = two_steps,
        .nmi = [] { _exit(3); },
        .broken = [] { return "the handler came back"; },
        .ended = [](const run_end& e) { return e.signal == 0 && e.exit_code == 3 ? nullptr : "not with 3"; }};
    const sweep_report right = sweep(leaves_with_3);
    INFO(to_text(right));
    CHECK(exit_code(right) == 0);
    CHECK(right.handler_runs() == right.boundaries.size());

    target leaves_with_4 = leaves_with_3;
    leaves_with_4.nmi = [] { _exit(4); };
    target is_killed = leaves_with_3;
    is_killed.nmi = [] { std::abort(); };
    for (const target& t : {leaves_with_4, is_killed}) {
        const sweep_report wrong = sweep(t);
        INFO(to_text(wrong));
        CHECK(wrong.count(verdict::crash) == wrong.boundaries.size());
        CHECK(says(wrong.cells.front().what, ": not with 3"));
    }
    target comes_back = leaves_with_3;
    comes_back.nmi = nothing;
    CHECK(sweep(comes_back).count(verdict::violation) == right.boundaries.size());
}

TEST_CASE("an oracle on ends may refuse what is right without one")
{
    const sweep_report r = sweep(
        {.name = "refused", .setup = install<pass_on>, .window = two_steps, .ended = [](const run_end& e) {
             return e.signal == SIGRTMIN + 1 ? "it must live on" : nullptr;
         }});
    INFO(to_text(r));
    CHECK(r.count(verdict::crash) == r.boundaries.size());
}

TEST_CASE("a process that ends before its first run is no outcome of a boundary")
{
    const sweep_report in_setup =
        sweep({.name = "setup", .setup = [] { _exit(5); }, .window = two_steps, .nmi = count});
    CHECK(exit_code(in_setup) == 1);
    CHECK(in_setup.incomplete == "while recording: ended the process, exit code 5");
    // The second process is the one that goes on behind the first finding.
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    static int first_life;
    first_life = pipe_ends[0];
    REQUIRE(write(pipe_ends[1], "1", 1) == 1);
    close(pipe_ends[1]);
    const sweep_report in_the_second = sweep({.name = "second setup",
                                              .setup =
                                                  [] {
                                                      char c = 0;
                                                      if (read(first_life, &c, 1) != 1)
                                                          _exit(6);
                                                  },
                                              .window = two_steps,
                                              .nmi = [] { _exit(3); }});
    close(first_life);
    INFO(to_text(in_the_second));
    CHECK(in_the_second.incomplete == "while exploring: ended the process, exit code 6");
    CHECK(in_the_second.cells.size() == 1);
}

TEST_CASE("a run that naps for ever is a hang, although it has a time-out and takes no time of a CPU")
{
    limits impatient;
    impatient.watchdog_ns = 20'000'000;
    impatient.bad_ends = 1;
    const sweep_report r = sweep({.name = "naps",
                                  .window = two_steps,
                                  .nmi =
                                      [] {
                                          const timespec nap{1, 0}; // no CPU time to speak of
                                          while (at == 1)
                                              nanosleep(&nap, nullptr);
                                      }},
                                 impatient);
    INFO(to_text(r));
    CHECK(r.count(verdict::hang) == 1);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("an exploration that gives up has not explored the rest")
{
    limits one;
    one.bad_ends = 1;
    const sweep_report r = sweep({.name = "gives up", .window = two_steps, .nmi = [] { _exit(3); }}, one);
    CHECK_FALSE(r.complete);
    CHECK(says(r.incomplete, "gave up after 1 "));
    CHECK(boundaries_of(r, verdict::crash) == std::vector<std::uint32_t>{0});
}

TEST_CASE("what is incomplete exits with 1, also where every cell is clean")
{
    sweep_report s;
    s.boundaries.resize(1);
    s.cells.push_back({});
    CHECK(exit_code(s) == 0);
    s.complete = false;
    CHECK(exit_code(s) == 1);
    s.cells.front().verdict = verdict::not_reached;
    s.complete = true;
    CHECK(exit_code(s) == 1);
    CHECK(exit_code(sweep_report{}) == 1);

    map_report m;
    m.reader.resize(1);
    m.updater.resize(1);
    m.updater_first = {cell::ends};
    CHECK(exit_code(m) == 0);
    m.complete = false;
    CHECK(exit_code(m) == 1);
    m.complete = true;
    m.updater_first = {cell::not_reached};
    CHECK(exit_code(m) == 1);
    CHECK(exit_code(map_report{}) == 1);

    audit_report a;
    a.complete = false;
    CHECK(exit_code(a) == 1);
}

TEST_CASE("each kind of finding exits with 3, an absent mechanism with 77")
{
    for (const verdict v : {verdict::violation, verdict::crash, verdict::hang}) {
        sweep_report s;
        s.boundaries.resize(1);
        s.cells.push_back({0, v, "", 0});
        s.complete = false;
        CHECK(exit_code(s) == 3);
        CHECK_FALSE(s.clean());
        s.absent = "valgrind";
        CHECK(exit_code(s) == 77);
    }
    map_report m;
    m.reader.resize(1);
    m.findings.resize(1);
    CHECK(exit_code(m) == 3);
    m.absent = "valgrind";
    CHECK(exit_code(m) == 77);
    audit_report a;
    a.entries.resize(1);
    a.entries.front().safe = false;
    CHECK(exit_code(a) == 3);
    a.absent = "valgrind";
    CHECK(exit_code(a) == 77);
}
