// SPDX-License-Identifier: MIT
//
// Tokens: each kind of finding comes again, and what the token is not of is refused.
#include "explore/replay/schedule_token.hpp"
#include "explore/replay/shrink.hpp"
#include "explore/replay/token.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"
#include "explore/watch/thread_state.hpp"
#include "nmisim/explore_replay.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include <poll.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

volatile int counter;
volatile int value;
volatile int* volatile pointer;
volatile bool locked;
volatile bool poll_failed;

/// In two instructions, also where the compiler knows one for both.
template <class Number>
void add(volatile Number& to, Number n)
{
    const Number before = to;
    asm volatile("" : : : "memory");
    to = before + n;
}

void increment()
{
    add(counter, 1);
}

target lost_update()
{
    return {.name = "lost update, here",
            .prepare = [] { counter = 0; },
            .window = increment,
            .nmi = increment,
            .broken = [] { return counter == 2 ? nullptr : "an update is lost"; }};
}

target crash()
{
    return {.name = "crash",
            .prepare = [] { pointer = &value; },
            .window =
                [] {
                    pointer = nullptr;
                    pointer = &value;
                },
            .nmi = [] { *pointer = 1; }};
}

target hang()
{
    return {.name = "hang",
            .prepare = [] { locked = false; },
            .window =
                [] {
                    locked = true;
                    locked = false;
                },
            .nmi =
                [] {
                    while (locked)
                        pause();
                }};
}

target poll_once()
{
    return {.name = "poll",
            .prepare = [] { poll_failed = false; },
            .window = [] { poll_failed = ::poll(nullptr, 0, 1) < 0; },
            .nmi = [] {},
            .broken = [] { return poll_failed ? "poll failed" : nullptr; }};
}

std::string first_token(const sweep_report& r)
{
    for (const sweep_cell& c : r.cells)
        if (!c.token.empty())
            return c.token;
    for (const call_cell& c : r.calls)
        if (!c.token.empty())
            return c.token;
    return {};
}

std::string first_token(const map_report& r)
{
    return r.findings.empty() ? std::string() : r.findings.front().token;
}

template <class Explored, class Report>
void comes_again(const Explored& what, const Report& r)
{
    INFO(to_text(r));
    REQUIRE(exit_code(r) == 3);
    const std::string token = first_token(r);
    REQUIRE(token_of(token).has_value());
    const auto again = replay(what, token);
    INFO(to_text(again));
    CHECK(exit_code(again) == 3);
    CHECK(first_token(again) == token);
}

struct shared_stage {
    std::atomic<int> stage;
    std::atomic<int> nmis;
    std::atomic<int> broken;
};
shared_stage* stage_of_run = nullptr;

// Read in the parent while nothing runs.
void set(std::atomic<int>& to, int n)
{
    to.store(n, std::memory_order_relaxed);
}
int get(const std::atomic<int>& from)
{
    return from.load(std::memory_order_relaxed);
}

void begin_stage()
{
    set(stage_of_run->stage, 0);
    set(stage_of_run->nmis, 0);
    set(stage_of_run->broken, 0);
}

void two_stages()
{
    set(stage_of_run->stage, 1);
    set(stage_of_run->stage, 2);
}

void look_at_stage()
{
    set(stage_of_run->nmis, 1);
    if (get(stage_of_run->stage) == 1)
        set(stage_of_run->broken, 1);
}

// Only the third round is wrong.
void three_rounds()
{
    for (int round = 1; round <= 3; ++round) {
        set(stage_of_run->stage, round);
        set(stage_of_run->stage, 0);
    }
}

void look_for_third_round()
{
    if (get(stage_of_run->stage) == 3)
        set(stage_of_run->broken, 1);
}

const char* broken_stage()
{
    return get(stage_of_run->broken) != 0 ? "between two stages" : nullptr;
}

target staged()
{
    return {.name = "stages",
            .prepare = begin_stage,
            .window = two_stages,
            .nmi = look_at_stage,
            .broken = broken_stage};
}

race staged_race()
{
    return {.name = "race of stages",
            .prepare = begin_stage,
            .reader = two_stages,
            .updater = look_at_stage,
            .broken = broken_stage};
}

// For maps of what is in shared memory: two processes at a time would see each other's stage.
limits one_process()
{
    limits l;
    l.processes = 1;
    return l;
}

template <class Explored>
void is_held(const Explored& what, const std::string& token, int nmis)
{
    int times = 0;
    const auto again = replay(what, token, {}, [&](const held_run& run) {
        ++times;
        CHECK(get(stage_of_run->stage) == 1);
        CHECK(get(stage_of_run->nmis) == nmis);
        for (const int tid : {run.thread, run.updater})
            if (tid != 0)
                CHECK(state_of(run.pid, tid).asleep());
    });
    INFO(to_text(again));
    CHECK(times == 1);
    CHECK(exit_code(again) == 3);
}

std::string with(std::string token, std::string_view what, std::string_view instead)
{
    return token.replace(token.find(what), what.size(), instead);
}

} // namespace

TEST_CASE(
    "what a sweep has found comes again: a violation, a crash, a hang, in a fresh process, inside a call")
{
    comes_again(lost_update(), sweep(lost_update()));
    comes_again(crash(), sweep(crash()));
    comes_again(hang(), sweep(hang()));
    limits l;
    l.fresh = true;
    comes_again(lost_update(), sweep(lost_update(), l));
    l.fresh = false;
    l.system_calls = true;
    const sweep_report inside = sweep(poll_once(), l);
    if (inside.absent.empty())
        comes_again(poll_once(), inside);
}

TEST_CASE("a token that is of something else is refused, with the name of what differs")
{
    const std::string token = first_token(sweep(lost_update()));
    const token_object program = token_of(token).value().objects.at(0);
    REQUIRE(!program.build_id.empty());
    const sweep_report other_build = replay(lost_update(), with(token, program.build_id, "0123456789abcdef"));
    CHECK(other_build.absent ==
          program.name + " is another build: " + program.build_id + ", and the token is of 0123456789abcdef");
    CHECK(exit_code(other_build) == 77);
    const sweep_report not_loaded =
        replay(lost_update(), with(token, program.name + "=" + program.build_id, "gone.so=00"));
    CHECK(not_loaded.absent == "the token is of a run with gone.so, which is not loaded here");
    const sweep_report other_target = replay(crash(), token);
    CHECK(other_target.absent == "the token is of 'lost update, here', and this is 'crash'");
    for (const char* none : {"", "nmi1", "nmi1:a:s::b=1:0:violation", "nmi2:a:s:N1@0+1.0:b=1:0:violation",
                             "nmi1:a:s:N1@1+1.0:b=1:0:violation", "nmi1:a:s:A1@0+1.0d0:b=1:0:violation",
                             "nmi1:a:s:N1@0+1.0:b=1:0:violation:"})
        CHECK(replay(lost_update(), none).incomplete == "this is no token of a sweep");
}

TEST_CASE("a finding that does not come again is not called clean")
{
    target mended = lost_update();
    const std::string token = first_token(sweep(mended));
    mended.broken = [] { return static_cast<const char*>(nullptr); };
    const sweep_report r = replay(mended, token);
    CHECK(r.incomplete ==
          "the finding did not come again: the path is the one of the token, and the outcome is not");
    CHECK(exit_code(r) == 1);
    const sweep_report elsewhere = replay(mended, with(token, "+", "+1"));
    CHECK(elsewhere.incomplete.starts_with("the run does not come to the token's place: "));
}

TEST_CASE("a finding in the third round of a loop is not looked for in the first")
{
    shared_array<shared_stage> shared(1);
    stage_of_run = shared.data();
    const target rounds{.name = "rounds",
                        .prepare = begin_stage,
                        .window = three_rounds,
                        .nmi = look_for_third_round,
                        .broken = broken_stage};
    comes_again(rounds, sweep(rounds));
    race r{.name = "race of rounds",
           .prepare = begin_stage,
           .reader = three_rounds,
           .updater = look_for_third_round,
           .broken = broken_stage};
    comes_again(r, map(r, false, one_process()));
    const map_report reduced = map(r, true, one_process());
    comes_again(r, reduced);
    r.broken = [] { return static_cast<const char*>(nullptr); };
    CHECK(exit_code(replay(r, first_token(reduced))) == 1);
}

TEST_CASE("a replayed run is held before its NMI, and goes on")
{
    shared_array<shared_stage> shared(1);
    stage_of_run = shared.data();
    is_held(staged(), first_token(sweep(staged())), 0);
}

TEST_CASE("what a map has found comes again, and is held at its last context")
{
    shared_array<shared_stage> shared(1);
    stage_of_run = shared.data();
    const map_report rows = map(staged_race(), false, one_process());
    comes_again(staged_race(), rows);
    is_held(staged_race(), first_token(rows), 1); // the updater has looked
    limits l = one_process();
    l.reduce = false;
    l.processes = 1; // the stage is one for all
    comes_again(staged_race(), map(staged_race(), true, l));
}

namespace {

// Broken if the reader is between its stores while the updater is between its own.
volatile long of_reader, of_updater, seen_by_reader;

race both_paused()
{
    return {.name = "both paused",
            .prepare =
                [] {
                    of_reader = 0;
                    of_updater = 0;
                    seen_by_reader = 0;
                },
            .reader =
                [] {
                    of_reader = 1;
                    seen_by_reader = of_updater;
                    of_reader = 2;
                },
            .updater =
                [] {
                    if (of_reader == 1)
                        of_updater = 1;
                    of_updater = of_updater * 2 + 3;
                },
            .broken = [] { return seen_by_reader == 1 ? "seen between the two" : nullptr; }};
}

} // namespace

TEST_CASE("a run in which both threads are paused is held while both are inside their code")
{
    const map_report r = map(both_paused(), true, one_process());
    INFO(to_text(r));
    if (!r.reduced) // built without capstone
        return;
    REQUIRE_FALSE(r.findings.empty());
    const map_finding& f = r.findings.front();
    CHECK(f.contexts.size() == 2);
    int times = 0;
    const map_report again = replay(both_paused(), f.token, {}, [&](const held_run& run) {
        ++times;
        for (const int tid : {run.thread, run.updater}) {
            const auto frames = stack_of(run.pid, tid);
            const auto is_in_code = [&](std::uintptr_t ip) {
                const auto begin = reinterpret_cast<std::uintptr_t>(
                    static_cast<function>(tid == run.thread ? both_paused().reader : both_paused().updater));
                return ip >= begin && ip < begin + 128;
            };
            if (!frames.empty()) // built without elfutils
                CHECK(std::any_of(frames.begin(), frames.end(), is_in_code));
        }
    });
    INFO(to_text(again));
    CHECK(times == 1);
    CHECK(exit_code(again) == 3);
}

#ifdef __x86_64__

namespace {

struct alignas(64) place_of_its_own {
    long value;
};
place_of_its_own x, y;
long r0, r1;

void store_and_load(place_of_its_own& to, const place_of_its_own& from, long& result)
{
    asm volatile("movq $1, %0" : "=m"(to.value) : : "memory");
    asm volatile("movq %1, %0" : "=r"(result) : "m"(from.value) : "memory");
}

race store_buffering()
{
    return {.name = "SB",
            .prepare = [] { x.value = y.value = 0; },
            .reader = [] { store_and_load(x, y, r0); },
            .updater = [] { store_and_load(y, x, r1); },
            .broken = [] { return r0 == 0 && r1 == 0 ? "both loads overtook" : nullptr; }};
}

// Broken if the reader is between the two while the updater looks, twice.
volatile long phase_of_reader;
volatile long seen_first, seen_second;

race looks_twice()
{
    return {.name = "twice",
            .prepare =
                [] {
                    phase_of_reader = 0;
                    seen_first = 0;
                    seen_second = 0;
                },
            .reader =
                [] {
                    phase_of_reader = 1;
                    phase_of_reader = 2;
                },
            .updater =
                [] {
                    seen_first = phase_of_reader;
                    seen_second = phase_of_reader;
                },
            .broken = [] { return seen_first == 1 && seen_second == 2 ? "1 and then 2" : nullptr; }};
}

} // namespace

TEST_CASE("findings of reduced maps come again: store buffers, two preemptions")
{
    limits l;
    l.memory = memory_model::tso;
    comes_again(store_buffering(), map(store_buffering(), true, l));
    comes_again(looks_twice(), map(looks_twice(), true));
    shared_array<shared_stage> shared(1);
    stage_of_run = shared.data();
    const map_report reduced = map(staged_race(), true, one_process());
    comes_again(staged_race(), reduced);
    is_held(staged_race(), first_token(reduced), 1);
}

namespace {

volatile long entered; ///< by one reader at a time, unless both are in
volatile long came;    ///< the NMI

bool is_of_other_threads(const map_report& r)
{
    return exit_code(r) == 1 && r.incomplete.starts_with("the token is of a race with");
}

void enter_and_leave()
{
    add(entered, 1L);
    add(entered, -1L);
}

} // namespace

TEST_CASE("findings with a second reader, or a second NMI, come again; a race with other threads is refused")
{
    race three{.name = "three",
               .prepare = [] { entered = 0; },
               .reader = enter_and_leave,
               .updater = [] { static_cast<void>(entered); },
               .broken = [] { return entered == 0 ? nullptr : "left by another"; },
               .reader2 = enter_and_leave};
    const map_report r = map(three);
    comes_again(three, r);
    const token t = *token_of(first_token(r));
    CHECK(t.is('2'));
    CHECK(std::any_of(t.contexts.begin(), t.contexts.end(),
                      [](const token_context& c) { return c.who == 'C'; }));
    race two = three;
    two.reader2 = nullptr;
    two.broken = [] { return "always"; };
    const std::string of_two = first_token(map(two));
    CHECK(is_of_other_threads(replay(three, of_two)));
    CHECK(is_of_other_threads(replay(two, first_token(r))));
    three.reader2 = nullptr;
    three.prepare = [] {
        entered = 0;
        came = 0;
    };
    three.nmi = [] {
        entered = entered + 1;
        came = 1;
    };
    three.broken = [] { return entered == came ? nullptr : "lost"; };
    const map_report with_nmi = map(three);
    comes_again(three, with_nmi);
    CHECK(token_of(first_token(with_nmi))->has_second_nmi());
    three.nmi = nullptr;
    CHECK(is_of_other_threads(replay(three, first_token(with_nmi))));
    three.broken = [] { return "always"; };
    limits weak;
    weak.memory = memory_model::tso;
    comes_again(three, map(three, true, weak)); // without a stop
}

#endif

TEST_CASE("a token says the same after it was read, and has no character that a shell takes")
{
    token t;
    t.name = "a name, with: anything %";
    t.kind = "rt2";
    t.contexts = {{'B', token_stop::at_place, {17, 1, 0xabc, 3}, 2},
                  {'A', token_stop::by_itself, {}, 0},
                  {'B', token_stop::at_end, {}, 1},
                  {'C', token_stop::by_itself, {}, 0},
                  {'N', token_stop::at_place, {4, 0, 0x1f, 2}, 0}};
    t.objects = {{"this one", "0123"}, {"libc.so.6", ""}};
    t.fingerprint = ~std::uint64_t{0};
    t.found = "crash";
    const std::string text = to_text(t);
    CHECK(text == "nmi1:a%20name%2C%20with%3A%20anything%20%25:rt2:B17@1+abc.3d2,Aw,Bed1,Cw,N4@0+1f.2:this%"
                  "20one=0123,libc.so."
                  "6:ffffffffffffffff:crash");
    const std::optional<token> again = token_of(text);
    REQUIRE(again.has_value());
    CHECK(again->name == t.name);
    CHECK(to_text(*again) == text);
}

TEST_CASE("a token whose parts do not fit together is none")
{
    const auto fits = [](const std::string& kind_and_contexts) {
        return token_of("nmi1:one:" + kind_and_contexts + ":libc.so.6:1f:crash").has_value();
    };
    CHECK(fits("m:A1@0+1c.0d0"));
    CHECK(fits("r:Aw"));
    CHECK_FALSE(fits("m:Aw")); // a map without the reduction stops each thread at a place
    CHECK_FALSE(fits("m:Aed0"));
    CHECK_FALSE(fits("s:Ne"));
    CHECK(fits("r2:Cw"));
    CHECK_FALSE(fits("r:Cw"));
    CHECK_FALSE(fits("m2:C1@0+1c.0d0"));
    CHECK(fits("r:Aw,N1@0+1c.0"));
    CHECK_FALSE(fits("m:A1@0+1c.0d0,N1@0+1c.0"));
    CHECK_FALSE(fits("m:A1@1+1c.0d0")); // of two objects
    CHECK(fits("s:N1@0+1c.0,M1@0+1c.0"));
    CHECK(fits("s:N1@0+1c.0,Mw"));
    CHECK_FALSE(fits("s:N1@0+1c.0,N1@0+1c.0"));
    CHECK_FALSE(fits("s:P1@0+1c.0,Mw"));
    CHECK_FALSE(fits("s:Mw"));
    CHECK_FALSE(fits("r:Aw,Mw"));
}

TEST_CASE("the longest schedule of three threads has a token that is read again")
{
    token t;
    t.kind = "r2";
    t.contexts.assign(schedule::most_contexts, {'A', token_stop::by_itself, {}, 0});
    t.contexts.push_back({'C', token_stop::by_itself, {}, 0}); // behind them
    const loaded_objects none("");
    schedule s{};
    REQUIRE(schedule_of_token(t, none, s));
    CHECK(s.contexts == schedule::most_contexts);
    CHECK(s.next == the_second_reader);
    t.contexts.push_back(t.contexts.back());
    CHECK_FALSE(schedule_of_token(t, none, s = {}));
}

TEST_CASE("a schedule shrinks to the earliest stops and the fewest waiting stores that still fail")
{
    schedule big{};
    big.next = the_updater;
    big.contexts = 4;
    big.at[0] = {.points = 4, .ip = 0x10, .thread = the_updater};
    big.at[1] = {.points = 9, .drained = 1, .waiting = 2, .ip = 0x20};
    big.at[2] = {.thread = the_updater}; // until it ends or waits
    big.at[3] = {.points = 12, .ip = 0x30};
    // It takes a reader that is stopped at its point 3 or later.
    const auto is_bad = [](const schedule& s) {
        for (unsigned c = 0; c < s.contexts; ++c)
            if (s.thread_of(c) == 0 && s.at[c].points != no_stop && s.at[c].points >= 3)
                return true;
        return false;
    };
    const schedule small = shrunk(big, is_bad);
    CHECK(small.contexts == 1);
    CHECK(small.thread_of(0) == the_reader);
    CHECK(small.at[0].points == 3);
    CHECK(small.at[0].waiting == 0);
    CHECK(same_schedule(shrunk(small, is_bad), small));
    schedule with_nmi = small;
    with_nmi.nmi_at = 2;
    CHECK_FALSE(same_schedule(with_nmi, small));
    const auto needs_the_store = [&](const schedule& s) {
        for (unsigned c = 0; c < s.contexts; ++c)
            if (s.thread_of(c) == 0 && s.at[c].waiting == 2)
                return true;
        return false;
    };
    CHECK(shrunk(big, needs_the_store).at[0].waiting == 2);
}
