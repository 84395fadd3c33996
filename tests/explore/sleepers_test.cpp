// SPDX-License-Identifier: MIT
//
// Schedules that are the same as another one are left out: small programs, made at random, come to the same outcomes as
// without that. And who sleeps, and what wakes.
#include "explore/memory/sleepers.hpp"
#include "explore/watch/shared.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

// What a thread does is in a table, so all run the same instructions.
enum class kind : std::uint8_t { load, store, add, store_if, wait, clear };
struct operation {
    kind what;
    unsigned of; ///< this variable
    unsigned to; ///< of store_if: to this one
};
constexpr unsigned most_operations = 4;
struct listing {
    operation at[most_operations];
    unsigned count;
};

constexpr unsigned the_nmi = most_threads;
listing programs[most_threads + 1]; ///< of the threads, and of the NMI
std::atomic<int> variables[3];
int seen[most_threads + 1][most_operations];

void clear()
{
    for (auto& v : variables)
        v.store(0, std::memory_order_relaxed);
    for (auto& of_thread : seen)
        for (int& one : of_thread)
            one = 0;
}

[[gnu::noinline]] void perform(unsigned who)
{
    const listing& p = programs[who];
    for (unsigned i = 0; i < p.count; ++i) {
        std::atomic<int>& v = variables[p.at[i].of];
        const int own = 1 << (who * most_operations + i);
        switch (p.at[i].what) {
        case kind::load: seen[who][i] = v.load(std::memory_order_relaxed); break;
        case kind::store: v.store(own, std::memory_order_relaxed); break;
        case kind::add: seen[who][i] = v.fetch_add(own, std::memory_order_relaxed); break;
        case kind::store_if:
            if (v.load(std::memory_order_relaxed) != 0)
                variables[p.at[i].to].store(own, std::memory_order_relaxed);
            break;
        case kind::wait:
            while (v.load(std::memory_order_relaxed) != 0)
                about_to_wait();
            break;
        case kind::clear: v.store(0, std::memory_order_relaxed); break;
        }
    }
}

template <unsigned Who>
void run()
{
    perform(Who);
}

struct all_outcomes {
    static constexpr std::size_t most = 1 << 14;
    std::atomic<std::uint64_t> hash[most];
};
all_outcomes* outcomes;

const char* note_outcome()
{
    std::uint64_t hash = 1;
    const auto add = [&](int value) {
        hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    };
    for (const auto& v : variables)
        add(v.load(std::memory_order_relaxed));
    for (const auto& of_thread : seen)
        for (const int one : of_thread)
            add(one);
    for (std::size_t at = hash % all_outcomes::most;; at = (at + 1) % all_outcomes::most) {
        std::atomic<std::uint64_t>& slot = outcomes->hash[at];
        if (slot.load(std::memory_order_relaxed) == hash)
            return nullptr;
        if (slot.load(std::memory_order_relaxed) == 0) {
            slot.store(hash, std::memory_order_relaxed); // read after the end of this process
            return nullptr;
        }
    }
}

struct made_of {
    const char* text;
    unsigned threads;
    bool nmi;
};

listing random_listing(std::mt19937& random, unsigned variables_used)
{
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    listing l{};
    l.count = 2 + below(2);
    for (unsigned i = 0; i < l.count; ++i)
        l.at[i] = {static_cast<kind>(below(4)), below(variables_used), below(variables_used)};
    return l;
}

// One in three has a thread that waits for another one, as an updater does for a reader: nobody else writes to variable 0.
void make_programs(std::mt19937& random, const made_of& m)
{
    const unsigned variables_used = 2 + static_cast<unsigned>(random() % 2);
    for (unsigned t = 0; t <= the_nmi; ++t)
        programs[t] =
            t < m.threads || (t == the_nmi && m.nmi) ? random_listing(random, variables_used) : listing{};
    if (random() % 3 != 0)
        return;
    for (listing& l : programs)
        for (operation& o : l.at) {
            o.what = o.of == 0 ? kind::load : o.what;
            o.to = std::max(o.to, 1U);
        }
    const auto waits = static_cast<unsigned>(random() % m.threads);
    listing& reads = programs[(waits + 1) % m.threads];
    programs[waits].at[random() % programs[waits].count] = {kind::wait, 0, 0};
    reads.at[0] = {kind::store, 0, 0};
    reads.at[reads.count - 1] = {kind::clear, 0, 0};
}

std::string in_words()
{
    static constexpr const char* names[] = {"load", "store", "add", "store-if", "wait", "clear"};
    std::ostringstream text;
    for (const listing& p : programs) {
        for (unsigned i = 0; i < p.count; ++i)
            text << names[static_cast<unsigned>(p.at[i].what)] << ' ' << p.at[i].of << ' ' << p.at[i].to
                 << ", ";
        text << '\n';
    }
    return text.str();
}

struct explored_outcomes {
    std::set<std::uint64_t> all{};
    map_report report;
};

explored_outcomes outcomes_of(const made_of& m, unsigned preemptions, bool reduce)
{
    shared_array<all_outcomes> shared(1);
    outcomes = shared.data();
    limits within;
    within.preemptions = preemptions;
    within.reduce = reduce;
    within.name_all = false;
    explored_outcomes e{
        .all = {},
        .report = map({.name = "random",
                       .prepare = clear,
                       .reader = run<the_reader>,
                       .updater = run<the_updater>,
                       .broken = note_outcome,
                       .nmi = m.nmi ? function(run<the_nmi>) : nullptr,
                       .reader2 = m.threads == most_threads ? function(run<the_second_reader>) : nullptr},
                      true, within)};
    for (const auto& hash : shared->hash)
        if (const std::uint64_t h = hash.load(std::memory_order_relaxed); h != 0) // its writer has ended
            e.all.insert(h);
    return e;
}

// For more than a suite has time for.
unsigned wanted_programs(unsigned usual)
{
    const char* const wanted = std::getenv("NMISIM_RANDOM_PROGRAMS");
    return wanted == nullptr ? usual : static_cast<unsigned>(std::atoi(wanted));
}

} // namespace

TEST_CASE("programs come to the same outcomes without the schedules that are the same as another one")
{
    const auto& [m, preemptions, usual] = GENERATE(std::tuple{made_of{"three threads", 3, false}, 1U, 2U},
                                                   std::tuple{made_of{"three threads", 3, false}, 2U, 2U},
                                                   std::tuple{made_of{"two and an NMI", 2, true}, 2U, 2U},
                                                   std::tuple{made_of{"three and an NMI", 3, true}, 1U, 2U});
    std::uint64_t runs = 0;
    std::uint64_t runs_of_all = 0;
    std::size_t different = 0;
    for (unsigned seed = 1; seed <= wanted_programs(usual); ++seed) {
        std::mt19937 random(seed);
        make_programs(random, m);
        const explored_outcomes some = outcomes_of(m, preemptions, true);
        if (!some.report.absent.empty()) // built without capstone
            return;
        const explored_outcomes all = outcomes_of(m, preemptions, false);
        INFO(m.text << ", preemptions " << preemptions << ", seed " << seed << '\n'
                    << in_words() << to_text(some.report) << to_text(all.report));
        CHECK(some.report.clean());
        CHECK(all.report.clean());
        CHECK(some.all == all.all);
        runs += some.report.runs;
        runs_of_all += all.report.runs;
        different += all.all.size();
    }
    INFO(runs << " runs of " << runs_of_all << ", " << different << " outcomes");
    CHECK(different > 3 * usual);
    CHECK(runs < runs_of_all);
}

namespace {

std::atomic<int> x;
int ends[2]; ///< of a pipe
char number; ///< that the kernel stores
int first;
int second;
std::atomic<int> places[6];

void nothing_seen()
{
    x.store(0, std::memory_order_relaxed);
    first = second = 0;
    for (auto& p : places)
        p.store(0, std::memory_order_relaxed);
}

// Reader and updater meet before and behind `Middle`, so only one schedule, with two preemptions of each, comes there: the
// reader is held in its own, the updater does its own, and ends behind the reader.
std::atomic<int> said;
std::atomic<int> answered;
std::atomic<int> thanked;
std::atomic<int> over;
bool met;
bool heard;

template <void (*Middle)()>
void meeting_reader()
{
    said.store(1, std::memory_order_relaxed);
    const bool answer = answered.load(std::memory_order_relaxed) != 0;
    thanked.store(1, std::memory_order_relaxed);
    Middle();
    met = answer && over.load(std::memory_order_relaxed) == 0;
}

template <void (*Middle)()>
void meeting_updater()
{
    heard = said.load(std::memory_order_relaxed) != 0;
    answered.store(1, std::memory_order_relaxed);
    heard = heard && thanked.load(std::memory_order_relaxed) != 0;
    Middle();
    over.store(1, std::memory_order_relaxed);
}

void load_x()
{
    second = x.load(std::memory_order_relaxed);
}

void store_x()
{
    x.store(1, std::memory_order_relaxed);
}

void load_number()
{
    second = *static_cast<volatile char*>(&number);
}

void store_number()
{
    *static_cast<volatile char*>(&number) = 2;
}

void read_number()
{
    static_cast<void>(read(ends[0], &number, 1));
}

void write_number()
{
    static_cast<void>(write(ends[1], &number, 1));
}

// The fourth look at an unchanged value is no place to be preempted, so the thread must not sleep before what comes ahead of it.
void look_often()
{
    for (const auto& p : places) {
        first += x.load(std::memory_order_relaxed) == 0 ? 1 : 0;
        second += p.load(std::memory_order_relaxed);
    }
}

void store_x_and_place()
{
    store_x();
    places[5].store(1, std::memory_order_relaxed);
}

bool saw_it()
{
    return second != 0;
}

bool saw_nothing()
{
    return second == 0;
}

bool wrote_it()
{
    char last = 0;
    while (read(ends[0], &last, 1) == 1) {
    }
    return last == 2;
}

bool looked_three_times()
{
    return first == 3;
}

struct meeting {
    const char* name;
    function reader;
    function updater;
    bool (*comes)();
};

} // namespace

TEST_CASE("a thread that was preempted sleeps only while nobody would see a difference")
{
    static const meeting* now;
    const meeting all[] = {
        {"what it stores is loaded", meeting_reader<store_x>, meeting_updater<load_x>, saw_nothing},
        {"what it loads is stored", meeting_reader<load_x>, meeting_updater<store_x>, saw_it},
        {"what it loads is stored by the kernel", meeting_reader<load_number>, meeting_updater<read_number>,
         saw_it},
        {"before a system call", meeting_reader<write_number>, meeting_updater<store_number>, wrote_it},
        {"no pause behind its access", meeting_reader<look_often>, meeting_updater<store_x_and_place>,
         looked_three_times}};
    const meeting& m = GENERATE_REF(from_range(std::begin(all), std::end(all)));
    now = &m;
    limits two;
    two.preemptions = 2;
    const map_report r = map({.name = m.name,
                              .setup = [] { static_cast<void>(pipe2(ends, O_NONBLOCK)); },
                              .prepare =
                                  [] {
                                      nothing_seen();
                                      said = answered = thanked = over = 0;
                                      heard = met = false;
                                      while (read(ends[0], &number, 1) == 1) {
                                      }
                                      number = 3;
                                      static_cast<void>(write(ends[1], &number, 1));
                                      number = 0;
                                  },
                              .reader = m.reader,
                              .updater = m.updater,
                              .broken = [] { return heard && met && now->comes() ? "it came" : nullptr; }},
                             true, two);
    INFO(to_text(r));
    if (!r.absent.empty()) // built without capstone
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a thread that waits for two others in one loop is seen to wait")
{
    const map_report r = map({.name = "two flags",
                              .prepare = nothing_seen,
                              .reader =
                                  [] {
                                      places[0].store(1, std::memory_order_relaxed);
                                      places[0].store(0, std::memory_order_relaxed);
                                  },
                              .updater =
                                  [] {
                                      for (int set = 1; set != 0;) {
                                          set = 0;
                                          for (const auto& p : places)
                                              set |= p.load(std::memory_order_relaxed);
                                      }
                                  },
                              .reader2 =
                                  [] {
                                      places[1].store(1, std::memory_order_relaxed);
                                      places[1].store(0, std::memory_order_relaxed);
                                  }});
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.clean());
}
