// SPDX-License-Identifier: MIT
//
// The reduction against the full map, and more preemptions than one, on programs whose answer is known.
#include "explore/watch/shared.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

std::atomic<int> reading;
std::atomic<int*> published;
int objects[3];
std::atomic<int> counts[2];
std::atomic<int> phase;
int mark; ///< of the reader, where the two meet on a rare way
bool used_after;

constexpr int alive = 1;
constexpr int poison = 0x6b;

/// A store in the branch where it stands: a compiler may make one store of two branches'.
[[gnu::always_inline]] inline void store_now(int& to, int n) noexcept
{
#ifdef __x86_64__
    asm volatile("movl %1, %0" : "=m"(to) : "ri"(n));
#else
    asm volatile("str %w1, %0" : "=m"(to) : "r"(n));
#endif
}

void prepare()
{
    for (int& object : objects)
        object = alive;
    published.store(&objects[0], std::memory_order_relaxed);
    reading.store(0, std::memory_order_relaxed);
    counts[0].store(0, std::memory_order_relaxed);
    counts[1].store(0, std::memory_order_relaxed);
    phase.store(0, std::memory_order_relaxed);
    mark = 0;
    used_after = false;
}

const char* broken()
{
    return used_after ? "used after its grace period" : nullptr;
}

void use(const int* object)
{
    if (*static_cast<const volatile int*>(object) != alive)
        used_after = true;
}

void reader()
{
    reading.store(1, std::memory_order_seq_cst); // (1) seq_cst: marked before the load; pairs with (2), (4)
    use(published.load(std::memory_order_relaxed));
    reading.store(0, std::memory_order_release); // (3) release: the use is over; pairs with (2), (4)
}

void updater()
{
    published.store(&objects[1], std::memory_order_relaxed);
    while (reading.load(std::memory_order_seq_cst) != 0) // (2) seq_cst: pairs with (1), (3)
        about_to_wait();
    *static_cast<volatile int*>(&objects[0]) = poison;
}

void updater_that_spins()
{
    published.store(&objects[1], std::memory_order_relaxed);
    while (reading.load(std::memory_order_seq_cst) != 0) { // (4) seq_cst: as (2); pairs with (1), (3)
    }
    *static_cast<volatile int*>(&objects[0]) = poison;
}

void updater_without_grace_period()
{
    published.store(&objects[1], std::memory_order_relaxed);
    *static_cast<volatile int*>(&objects[0]) = poison;
}

// RCU with a single flip of its counters, twice: the classic race needs a reader that is held twice.
void reader_of_single_flip()
{
    const int mine = phase.load(std::memory_order_relaxed);
    counts[mine].fetch_add(1,
                           std::memory_order_seq_cst); // (5) seq_cst: counted before the load; pairs with (6)
    use(published.load(std::memory_order_relaxed));
    counts[mine].fetch_sub(1, std::memory_order_seq_cst); // (7) seq_cst: the use is over; pairs with (6)
}

void updater_of_single_flip()
{
    for (int i = 0; i < 2; ++i) {
        published.store(&objects[i + 1], std::memory_order_relaxed);
        const int old = phase.load(std::memory_order_relaxed);
        phase.store(1 - old, std::memory_order_relaxed);
        while (counts[old].load(std::memory_order_seq_cst) != 0) // (6) seq_cst: pairs with (5), (7)
            about_to_wait();
        *static_cast<volatile int*>(&objects[i]) = poison;
    }
}

// What the reader does only if it saw the updater's first store, and not before: each of the two was preempted by then.
int elsewhere;
function handler;

void mark_it()
{
    *static_cast<volatile int*>(&mark) = 1;
    *static_cast<volatile int*>(&mark) = 0;
}

bool came_between()
{
    const int before = phase.load(std::memory_order_relaxed);
    const int now = phase.load(std::memory_order_relaxed);
    return (before == 0) & (now == 1);
}

void branches_if_it_came_between()
{
    if (came_between())
        mark_it();
}

void calls_by_register()
{
    static constexpr function ways[] = {[] {}, mark_it};
    function chosen = ways[came_between()];
    asm volatile("" : "+r"(chosen));
    chosen();
}

void calls_by_slot()
{
    static constexpr function ways[] = {[] {}, mark_it};
    handler = ways[came_between()];
    asm volatile("" ::: "memory"); // it is read again
    handler();
}

void stores_through_pointer()
{
    static constexpr int* ways[] = {&elsewhere, &mark};
    volatile int* const chosen = ways[came_between()];
    *chosen = 1;
    *chosen = 0;
}

void store_and_store()
{
    for (int i = 0; i < 4; ++i)
        phase.store(i, std::memory_order_relaxed); // nobody reads it
}

// As a cache that is full at last: what it does depends on no other thread.
int times;

bool is_late()
{
    constexpr int many = 20;
    return ++times > many;
}

void branches_late()
{
    store_and_store();
    if (is_late())
        mark_it();
}

void calls_by_register_late()
{
    static constexpr function ways[] = {[] {}, mark_it};
    store_and_store();
    function chosen = ways[is_late()];
    asm volatile("" : "+r"(chosen));
    chosen();
}

void look_for_the_mark()
{
    if (*static_cast<volatile int*>(&mark) != 0)
        used_after = true;
}

void updater_that_looks_for_the_mark()
{
    int last = 2;
    asm volatile("" : "+r"(last)); // one store, made twice
    for (int i = 1; i <= last; ++i)
        phase.store(i, std::memory_order_relaxed);
    look_for_the_mark();
}

int done; ///< by the reader
int counts_of_nmis;

void count_without_care()
{
    const int now = counts[0].load(std::memory_order_relaxed);
    asm volatile("" : : : "memory"); // or both are one instruction
    counts[0].store(now + 1, std::memory_order_relaxed);
}

// Two readers that share one flag, and that count themselves.
void reader_that_counts()
{
    counts[0].fetch_add(1, std::memory_order_seq_cst); // (8) seq_cst: counted before the load; pairs with (9)
    use(published.load(std::memory_order_relaxed));
    counts[0].fetch_sub(1, std::memory_order_seq_cst); // (10) seq_cst: the use is over; pairs with (9)
}

void updater_that_waits_for_all()
{
    published.store(&objects[1], std::memory_order_relaxed);
    while (counts[0].load(std::memory_order_seq_cst) != 0) // (9) seq_cst: pairs with (8), (10)
        about_to_wait();
    *static_cast<volatile int*>(&objects[0]) = poison;
}

// The order in which three threads take two tickets each, as the number of a set's member.
std::atomic<int> tickets;
int tickets_of_kernel[2]; ///< a pipe
int taken[3][2];
struct all_orders {
    static constexpr int most = 3 * 3 * 3 * 3 * 3 * 3;
    std::atomic<bool> seen[most];
};
all_orders* orders;

int ticket()
{
    return tickets.fetch_add(1, std::memory_order_relaxed);
}

int ticket_of_kernel()
{
    char number = 0;
    return read(tickets_of_kernel[0], &number, 1) == 1 ? number : -1;
}

template <int Who, int (*Ticket)()>
void take_two()
{
    for (int& one : taken[Who])
        one = Ticket();
}

void make_tickets()
{
    static_cast<void>(pipe2(tickets_of_kernel, O_NONBLOCK));
}

void lay_out_tickets()
{
    tickets.store(0, std::memory_order_relaxed);
    while (ticket_of_kernel() >= 0) {
    }
    static constexpr char numbers[] = {0, 1, 2, 3, 4, 5};
    static_cast<void>(write(tickets_of_kernel[1], numbers, sizeof numbers));
}

const char* note_order()
{
    int order = 0;
    for (int ticket = 0; ticket < 6; ++ticket)
        for (int who = 0; who < 3; ++who)
            if (taken[who][0] == ticket || taken[who][1] == ticket)
                order = order * 3 + who;
    orders->seen[order].store(true, std::memory_order_relaxed); // read after the end of this process
    return nullptr;
}

template <int (*Ticket)()>
race race_for_tickets()
{
    return {.name = "orders",
            .setup = make_tickets,
            .prepare = lay_out_tickets,
            .reader = take_two<0, Ticket>,
            .updater = take_two<1, Ticket>,
            .broken = note_order,
            .reader2 = take_two<2, Ticket>};
}

race race_of(function of_reader, function of_updater, function of_reader2 = nullptr)
{
    return {.name = "race",
            .prepare = prepare,
            .reader = of_reader,
            .updater = of_updater,
            .broken = broken,
            .reader2 = of_reader2};
}

map_report map_of(function of_reader, function of_updater, limits within = {})
{
    return map(race_of(of_reader, of_updater), true, within);
}

limits unreduced()
{
    limits l;
    l.reduce = false;
    return l;
}

} // namespace

TEST_CASE("each cell of a reduced map is that of the full one")
{
    const function of_updater = GENERATE(as<function>{}, updater, updater_without_grace_period);
    const map_report full = map_of(reader, of_updater, unreduced());
    const map_report reduced = map_of(reader, of_updater);
    INFO(to_text(full) << to_text(reduced));
    if (!reduced.reduced) // built without capstone
        return;
    REQUIRE_FALSE(full.reduced);
    REQUIRE(reduced.complete);
    REQUIRE(reduced.reader.size() == full.reader.size());
    REQUIRE(reduced.updater.size() == full.updater.size());
    CHECK(reduced.runs < full.runs / 4);
    CHECK(full.count(cell::not_reached) == 0);
    CHECK(reduced.updater_first == full.updater_first);
    // Between its last access and the call that says so, an updater that waits has not said so yet.
    for (std::size_t i = 0; i < full.reader_first.size(); ++i)
        CHECK((reduced.reader_first[i] == full.reader_first[i] ||
               (reduced.reader_first[i] == cell::waits && full.reader_first[i] == cell::ends)));
    CHECK(reduced.first_waiting == full.first_waiting);
    CHECK(reduced.last_waiting == full.last_waiting);
    CHECK(exit_code(reduced) == exit_code(full));
}

TEST_CASE("an updater that spins for the reader without a word is seen to wait")
{
    const map_report r = map_of(reader, updater_that_spins);
    INFO(to_text(r));
    if (!r.reduced)
        return;
    CHECK(r.clean());
    CHECK(r.count(cell::waits) > 0);
    CHECK(r.count(cell::hang) == 0);
}

TEST_CASE("each cell of a full map of a branch has what the reduced map has")
{
    // Both ways have as many instructions.
    const function branches = [] {
        if (published.load(std::memory_order_relaxed) == &objects[1])
            store_now(objects[2], poison);
        else
            store_now(objects[2], alive);
    };
    const function publishes = [] {
        published.store(&objects[1], std::memory_order_relaxed);
        if (*static_cast<volatile int*>(&objects[2]) == poison)
            used_after = true;
    };
    const map_report full = map_of(branches, publishes, unreduced());
    const map_report reduced = map_of(branches, publishes);
    INFO(to_text(full) << to_text(reduced));
    if (!reduced.reduced)
        return;
    CHECK(full.complete);
    CHECK(full.count(cell::violation) > 0);
    // What a run shows that has left the recorded path is told in the cell that it was meant for.
    const auto is_same = [](cell with, cell without) {
        return with == without || without == cell::violation;
    };
    for (std::size_t i = 0; i < full.updater_first.size(); ++i) {
        CHECK(is_same(reduced.updater_first[i], full.updater_first[i]));
        CHECK(is_same(reduced.reader_first[i], full.reader_first[i]));
    }
    CHECK(full.count(cell::violation) < full.updater_first.size());
}

TEST_CASE("a thread that branches on what the other one wrote is followed")
{
    const function branches = [] {
        if (published.load(std::memory_order_relaxed) == &objects[1])
            store_now(objects[2], poison);
        else {
            store_now(objects[2], alive);
            asm volatile("nop");
        }
    };
    const function publishes = [] {
        published.store(&objects[1], std::memory_order_relaxed);
        if (*static_cast<volatile int*>(&objects[2]) == poison)
            used_after = true;
    };
    const map_report full = map_of(branches, publishes, unreduced());
    INFO(to_text(full));
    CHECK(full.count(cell::not_reached) == 0);
    CHECK(exit_code(full) == 3);
    const map_report r = map_of(branches, publishes);
    INFO(to_text(r));
    if (!r.reduced)
        return;
    CHECK(r.complete);
    CHECK(r.count(cell::not_reached) == 0);
    CHECK(exit_code(r) == 3); // only on the other branch is there something to find
}

TEST_CASE("the race of a single flip needs two preemptions of the reader, and is found with two")
{
    const map_report one = map_of(reader_of_single_flip, updater_of_single_flip);
    INFO(to_text(one));
    if (!one.reduced)
        return;
    CHECK(one.clean());
    limits two;
    two.preemptions = 2;
    const map_report r = map_of(reader_of_single_flip, updater_of_single_flip, two);
    INFO(to_text(r));
    CHECK(r.complete);
    CHECK(r.runs > one.runs);
    REQUIRE_FALSE(r.findings.empty());
    CHECK(exit_code(r) == 3);
    for (std::size_t i = 1; i < r.findings.size(); ++i) // the smallest is the first
        CHECK(r.findings[i - 1].contexts.size() <= r.findings[i].contexts.size());
    CHECK(map_of(reader_of_single_flip, updater_of_single_flip, two).findings.front().schedule ==
          r.findings.front().schedule);
}

TEST_CASE("a way that only two preempted threads come to is followed, whatever leads there")
{
    const function of_reader = GENERATE(as<function>{}, branches_if_it_came_between, calls_by_register,
                                        calls_by_slot, stores_through_pointer);
    limits two;
    two.preemptions = 2;
    const map_report r = map_of(of_reader, updater_that_looks_for_the_mark, two);
    INFO(to_text(r));
    if (!r.absent.empty()) // built without capstone
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3); // the updater sees the mark between the reader's two stores
}

TEST_CASE("an NMI comes inside what the reader does, and after it; the updater comes inside the NMI")
{
    struct one {
        function reader;
        function nmi;
        function updater;
        const char* told;
    };
    const auto& [of_reader, nmi, of_updater, told] = GENERATE(
        one{count_without_care, [] { ++counts_of_nmis, count_without_care(); },
            [] { static_cast<void>(counts[0].load(std::memory_order_relaxed)); },
            "an NMI on the reader before"},
        one{[] { *static_cast<volatile int*>(&done) = 1, about_to_wait(); },
            [] { used_after = *static_cast<volatile int*>(&done) == 1; },
            [] { static_cast<void>(*static_cast<volatile int*>(&done)); }, "an NMI on the reader at its end"},
        one{store_and_store, mark_it, // the updater has waited before
            [] {
                about_to_wait();
                if (phase.load(std::memory_order_relaxed) == 1)
                    look_for_the_mark();
            },
            "an NMI on the reader before"});
    race what{.name = "pair with an NMI",
              .prepare = [] { prepare(), done = 0, counts_of_nmis = 0; },
              .reader = of_reader,
              .updater = of_updater,
              .broken = [] { return counts_of_nmis == 1 && counts[0] == 1 ? "a count is lost" : broken(); }};
    const map_report without = map(what, true);
    INFO(to_text(without));
    if (!without.reduced)
        return;
    CHECK(without.clean());
    what.nmi = nmi;
    const map_report r = map(what, true);
    INFO(to_text(r));
    CHECK(r.complete);
    CHECK(r.nmi);
    CHECK(exit_code(r) == 3);
    REQUIRE_FALSE(r.findings.empty());
    CHECK(r.findings.front().nmi);
    CHECK(r.findings.front().schedule.find(told) != std::string::npos);
    CHECK_FALSE(r.findings.front().token.empty());
    CHECK(r.updater_first == without.updater_first); // cells are without it
    CHECK(r.reader_first == without.reader_first);
    CHECK(exit_code(map(what, false)) == 3); // what was asked, not a row without it
    CHECK(map(what, true).findings.front().schedule == r.findings.front().schedule);
    limits stepped;
    stepped.how = method::single_step;
    CHECK(map(what, true, stepped).findings.front().schedule == r.findings.front().schedule);
}

TEST_CASE("a mark that two readers share is right for one, and found wrong with both")
{
    race what = race_of(reader, updater, reader);
    const map_report r = map(what);
    INFO(to_text(r));
    if (!r.absent.empty()) // built without capstone
        return;
    CHECK(r.complete);
    CHECK(r.readers == 2);
    CHECK(exit_code(r) == 3);
    REQUIRE_FALSE(r.findings.empty());
    CHECK(r.findings.front().schedule.find("reader 2") != std::string::npos);
    CHECK(map(what).findings.front().schedule == r.findings.front().schedule);
    limits stepped;
    stepped.how = method::single_step;
    CHECK(map(what, true, stepped).findings.front().schedule == r.findings.front().schedule);
    limits twice;
    twice.preemptions = 2;
    what.reader2 = nullptr;
    CHECK(map(what, true, twice).clean());
    limits weak;
    weak.memory = memory_model::tso;
    what.reader2 = reader;
    CHECK(exit_code(map(what, true, weak)) == 1); // refused
}

TEST_CASE("two readers that count themselves are waited for, both")
{
    limits more;
    more.preemptions = GENERATE(1U, 2U);
    const map_report r =
        map(race_of(reader_that_counts, updater_that_waits_for_all, reader_that_counts), true, more);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.clean());
}

TEST_CASE("each order of what three threads do is tried")
{
    shared_array<all_orders> shared(1);
    orders = shared.data();
    const map_report r = map(GENERATE(race_for_tickets<ticket>(), race_for_tickets<ticket_of_kernel>()));
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.clean());
    constexpr int different = 90; // 6! / (2! 2! 2!)
    CHECK(r.schedules == different);
    CHECK(std::count_if(std::begin(orders->seen), std::end(orders->seen), [](const std::atomic<bool>& one) {
              return one.load(std::memory_order_relaxed); // its writer has ended
          }) == different);
}

TEST_CASE("which of two stores came last is part of the state that is gone on from once")
{
    shared_array<std::atomic<bool>> shared(1);
    static std::atomic<bool>* found;
    static int first;
    static int seen[2];
    found = shared.data();
    const map_report r = map({.name = "last store",
                              .prepare = prepare,
                              .reader =
                                  [] {
                                      counts[0].store(1, std::memory_order_relaxed);
                                      counts[1].store(1, std::memory_order_relaxed);
                                  },
                              .updater =
                                  [] {
                                      first = counts[0].load(std::memory_order_relaxed);
                                      for (int& one : seen)
                                          one = counts[1].load(std::memory_order_relaxed);
                                  },
                              .broken =
                                  [] {
                                      if (counts[0] == 2 && first == 2 && seen[0] == 0 && seen[1] == 1)
                                          found->store(true, std::memory_order_relaxed); // read after its end
                                      return static_cast<const char*>(nullptr);
                                  },
                              .reader2 = [] { counts[0].store(2, std::memory_order_relaxed); }});
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.clean());
    CHECK(found->load(std::memory_order_relaxed));
}

// The second reader runs between the reader's first store and the updater; the updater between two more of the reader's.
TEST_CASE("a state that was reached before with more preemptions is gone on from")
{
    static std::atomic<int> said;
    static int seen[2];
    race what = race_of(
        [] {
            counts[0].store(1, std::memory_order_relaxed);
            for (int i = 1; i <= 3; ++i)
                phase.store(i, std::memory_order_relaxed);
        },
        [] {
            if (said.load(std::memory_order_relaxed) == 0)
                return;
            for (int& one : seen)
                one = phase.load(std::memory_order_relaxed);
        },
        [] {
            if (counts[0].load(std::memory_order_relaxed) != 0)
                said.store(1, std::memory_order_relaxed);
        });
    what.prepare = [] {
        prepare();
        said.store(0, std::memory_order_relaxed);
        seen[0] = seen[1] = 0;
    };
    what.broken = [] { return seen[0] == 1 && seen[1] == 2 ? "first 1, then 2" : nullptr; };
    limits twice;
    twice.preemptions = 2;
    const map_report r = map(what, true, twice);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a thread that has waited more often is not where it was")
{
    static const function wait_twice = [] { about_to_wait(), about_to_wait(); };
    const map_report r =
        map(race_of([] { wait_twice(), mark_it(); }, [] { wait_twice(), look_for_the_mark(); },
                    [] { static_cast<void>(*static_cast<volatile int*>(&mark)); }));
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a thread that waits is tried behind another one's system call")
{
    static int looks;
    race what = race_of(
        [] {
            static_cast<void>(write(tickets_of_kernel[1], "", 1));
            phase.store(1, std::memory_order_relaxed);
        },
        [] {
            constexpr int enough = 4; // alone it must end, too
            for (looks = 0; looks < enough && ticket_of_kernel() < 0; ++looks)
                about_to_wait();
            if (looks < enough && looks != 0 && phase.load(std::memory_order_relaxed) == 0)
                used_after = true;
        },
        [] { static_cast<void>(phase.load(std::memory_order_relaxed)); });
    what.setup = make_tickets;
    what.prepare = [] {
        prepare();
        while (ticket_of_kernel() >= 0) {
        }
    };
    const map_report r = map(what);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a way that comes late, when most runs go without a step, is learned as well")
{
    const function of_reader = GENERATE(as<function>{}, branches_late, calls_by_register_late);
    const map_report r = map_of(of_reader, [] {
        store_and_store();
        look_for_the_mark();
    });
    INFO(to_text(r));
    if (!r.absent.empty()) // built without capstone
        return;
    CHECK(exit_code(r) == 3);
}

TEST_CASE(
    "a system call whose accesses nobody knows is told: an sc map is made in full, a tso map is not complete")
{
    const function asks = [] { static_cast<void>(getppid()); };
    const map_report sc = map_of(asks, asks);
    INFO(to_text(sc));
    CHECK(sc.clean());
    CHECK_FALSE(sc.reduced);
    race what = race_of(asks, asks);
    what.nmi = mark_it;
    const map_report with_nmi = map(what, true);
    if (with_nmi.absent.empty())
        CHECK(exit_code(with_nmi) == 1); // in full it would be made without the NMI
    limits weak;
    weak.memory = memory_model::tso;
    const map_report tso = map_of(asks, asks, weak);
    INFO(to_text(tso));
    if (!tso.absent.empty())
        return;
    CHECK_FALSE(tso.clean());
    CHECK(exit_code(tso) == 1);
    REQUIRE_FALSE(tso.unsupported.empty());
    CHECK(tso.unsupported.front().find("getppid") != std::string::npos);
}

TEST_CASE("a schedule that crashes is a finding of its own, and the map goes on behind it")
{
    const map_report r = map_of(
        [] { reading.store(1, std::memory_order_relaxed), reading.store(0, std::memory_order_relaxed); },
        [] {
            if (reading.load(std::memory_order_relaxed) != 0)
                _exit(0);
        });
    INFO(to_text(r));
    if (!r.reduced)
        return;
    CHECK(r.count(cell::crash) > 0);
    CHECK(r.count(cell::ends) > 0);
    CHECK(r.count(cell::unexplored) == 0);
    CHECK(exit_code(r) == 3);
    REQUIRE_FALSE(r.findings.empty());
    CHECK(r.findings.front().what == "ended the process, exit code 0");
}

#if defined(__x86_64__)

TEST_CASE("an access that the explorer makes is what the processor makes of it")
{
    static std::uint32_t narrow;
    static std::uint64_t wide, told, stored;
    static bool below;
    const map_report r =
        map({.name = "made",
             .prepare = [] { narrow = 0xfffffff0, wide = 0x20, told = stored = 0, below = false; },
             .reader =
                 [] {
                     std::uint64_t sum = ~std::uint64_t{0};
                     asm volatile("movl %2, %k0\n\t" // clears the upper half
                                  "addq %3, %0\n\t"
                                  "cmpq %0, %3\n\t"
                                  "setb %1"
                                  : "+&r"(sum), "=&q"(below)
                                  : "m"(narrow), "m"(wide)
                                  : "cc");
                     asm volatile("movq %2, %0\n\tmovq $-2, %1" : "=m"(told), "=m"(stored) : "r"(sum));
                 },
             .updater =
                 [] { // both touch all of them
                     asm volatile("movl $0xfffffff0, %0\n\tmovq $0x20, %1" : "=m"(narrow), "=m"(wide));
                     asm volatile("cmpq $0, %0\n\tcmpq $0, %1" : : "m"(told), "m"(stored) : "cc");
                 },
             .broken = []() -> const char* {
                 const bool right = told == 0x1'0000'0010 && stored == ~std::uint64_t{1} && below;
                 return right ? nullptr : "another result";
             }},
            true);
    INFO(to_text(r));
    CHECK(exit_code(r) == 0);
    CHECK(r.runs > 8); // most of them free of steps
}

#endif

TEST_CASE("an access to memory that is none crashes, as the program's own instruction does")
{
    const auto explored = [](method how) {
        limits within;
        within.how = how;
        return map({.name = "none",
                    .prepare = prepare,
                    .reader =
                        [] {
                            for (int i = 0; i < 3; ++i) // plain loads
                                mark = *static_cast<volatile int*>(published.load(std::memory_order_relaxed));
                        },
                    .updater =
                        [] {
                            *static_cast<volatile int*>(&objects[0]) = alive; // both touch it
                            published.store(nullptr, std::memory_order_relaxed);
                        },
                    .broken = broken},
                   true, within);
    };
    const map_report made = explored(method::automatic), stepped = explored(method::single_step);
    INFO(to_text(made));
    if (!made.reduced)
        return;
    REQUIRE_FALSE(made.findings.empty());
    CHECK(made.findings.front().what.find("SIGSEGV") != std::string::npos);
    CHECK(made.count(cell::crash) == stepped.count(cell::crash));
    CHECK(made.count(cell::ends) == stepped.count(cell::ends));
}

TEST_CASE("a reduced map is made on the first CPU, whichever one it is asked for on")
{
    cpu_set_t allowed;
    REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    if (CPU_COUNT(&allowed) < 2)
        return; // it is the only one
    static int first_cpu, seen_on;
    int last_cpu = first_cpu = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed)) {
            first_cpu = first_cpu == -1 ? cpu : first_cpu;
            last_cpu = cpu;
        }
    race r = race_of(reader, updater);
    r.prepare = [] {
        prepare();
        seen_on = sched_getcpu();
    };
    r.broken = [] { return seen_on == first_cpu ? nullptr : "on another CPU"; };
    for (const int here : {first_cpu, last_cpu}) { // a child may begin beside its parent, or elsewhere
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(here, &one);
        REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
        REQUIRE(sched_setaffinity(0, sizeof allowed, &allowed) == 0);
        const map_report made = map(r, true);
        INFO(to_text(made));
        if (made.reduced)
            CHECK(exit_code(made) == 0);
    }
}
