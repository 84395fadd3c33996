// SPDX-License-Identifier: MIT
//
// Schedules that are the same as another one are left out: small programs, made at random, come to the same outcomes as
// without that. And who sleeps, and what wakes.
#include "explore/memory/sleepers.hpp"
#include "explore/watch/shared.hpp"
#include "nmisim/explore.hpp"
#include "nmisim/explore_replay.hpp"
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
    const auto& [m, preemptions, usual] = GENERATE(std::tuple{made_of{"three threads", 3, false}, 1U, 3U},
                                                   std::tuple{made_of{"three threads", 3, false}, 2U, 8U},
                                                   std::tuple{made_of{"two and an NMI", 2, true}, 2U, 3U},
                                                   std::tuple{made_of{"three and an NMI", 3, true}, 1U, 1U});
    std::uint64_t runs = 0;
    std::uint64_t runs_of_all = 0;
    std::size_t different = 0;
    const unsigned programs_run = wanted_programs(usual);
    for (unsigned seed = 1; seed <= programs_run; ++seed) {
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
    CHECK(different > 3 * programs_run);
    CHECK(runs < runs_of_all);
}

namespace {

std::atomic<int> x;
int ends[2]; ///< of a pipe
char number; ///< that the kernel stores
int first;
int second;
int third;
std::atomic<int> places[6];

void nothing_seen()
{
    x.store(0, std::memory_order_relaxed);
    first = second = third = 0;
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

namespace {

void set_x_and_place()
{
    x.store(1, std::memory_order_relaxed);
    places[0].store(1, std::memory_order_relaxed);
}

int value_at(unsigned n)
{
    return places[n].load(std::memory_order_relaxed);
}

int value_of_x()
{
    return x.load(std::memory_order_relaxed);
}

} // namespace

// There are 12 orders of what they do. One has the same outcome as another one, and its next thread sleeps. A turn for one
// that sleeps makes one more; a state taken for one with more sleepers makes one less.
TEST_CASE("of three threads nobody that sleeps has a turn, and a state with more sleepers stands for none "
          "with fewer")
{
    limits within;
    within.reduce = GENERATE(true, false);
    const map_report r = map({.name = "three in turn",
                              .prepare = nothing_seen,
                              .reader = set_x_and_place,
                              .updater = [] { first = value_of_x(); },
                              .reader2 = [] { second = value_at(0); }},
                             true, within);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.clean());
    CHECK(r.runs == (within.reduce ? 11U : 12U));
}

TEST_CASE("a schedule whose next thread sleeps is not run")
{
    limits two;
    two.preemptions = 2;
    const map_report r = map({.name = "next one sleeps",
                              .prepare = nothing_seen,
                              .reader =
                                  [] {
                                      set_x_and_place();
                                      x.store(0, std::memory_order_relaxed);
                                  },
                              .updater =
                                  [] {
                                      while (value_of_x() != 0)
                                          about_to_wait();
                                      first = value_at(0);
                                      second = value_of_x();
                                  }},
                             true, two);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.clean());
    CHECK(r.runs == 10);
}

TEST_CASE("who slept when a run ended is awake in the next one")
{
    const map_report r = map({.name = "awake again",
                              .prepare = nothing_seen,
                              .reader =
                                  [] {
                                      x.store(1, std::memory_order_relaxed);
                                      second = value_at(0);
                                      places[1].store(1, std::memory_order_relaxed);
                                      third = value_at(0);
                                  },
                              .updater =
                                  [] {
                                      if (value_of_x() != 0)
                                          return;
                                      first = value_of_x();
                                      if (value_at(1) == 0)
                                          places[0].store(1, std::memory_order_relaxed);
                                  },
                              .broken = [] { return first == 1 && second == 1 ? "it came" : nullptr; }},
                             true);
    INFO(to_text(r));
    if (!r.reduced)
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
}

namespace {

// It must be held before the locked instruction, which nobody else meets, while its store waits.
void store_and_load_and_lock()
{
    x.store(1, std::memory_order_relaxed);
    first = value_at(0);
    places[1].fetch_add(1, std::memory_order_relaxed);
}

void exchange_and_load()
{
    places[0].exchange(1, std::memory_order_relaxed);
    second = value_of_x();
}

} // namespace

TEST_CASE("with store buffers a thread that is held before what nobody else touches is resumed")
{
    limits weak;
    weak.preemptions = 2;
    weak.memory = memory_model::tso;
    const map_report r =
        map({.name = "nobody sleeps",
             .prepare =
                 [] {
                     nothing_seen();
                     first = second = 1;
                     said = answered = thanked = over = 0;
                     heard = met = false;
                 },
             .reader = meeting_reader<store_and_load_and_lock>,
             .updater = meeting_updater<exchange_and_load>,
             .broken = [] { return heard && met && first == 0 && second == 0 ? "it came" : nullptr; }},
            true, weak);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
}

namespace {

int left; ///< by the last run

void set_two_places_and_x()
{
    places[0].store(1, std::memory_order_relaxed);
    places[1].store(1, std::memory_order_relaxed);
    x.store(1, std::memory_order_relaxed);
}

void look_in_the_order_that_is_left()
{
    if (left == 0) {
        first = value_at(0);
        second = value_at(1);
    } else {
        second = value_at(1);
        first = value_at(0);
    }
    left = value_of_x();
}

} // namespace

TEST_CASE("a schedule led elsewhere by what its last run left is tried behind another one")
{
    const map_report r = map({.name = "what is left",
                              .prepare = nothing_seen,
                              .reader = set_two_places_and_x,
                              .updater = look_in_the_order_that_is_left},
                             true);
    INFO(to_text(r));
    if (!r.reduced)
        return;
    CHECK(r.complete);
    CHECK(r.count(cell::not_reached) == 0);
}

namespace {

// A run that is not judged is that of another schedule. What one process writes, the next one reads.
struct of_all_runs {
    unsigned begun;
    unsigned begun_since_judged;
    unsigned of_another; ///< the last one
    unsigned to_crash;
};
of_all_runs* runs;
bool crashes;

map_report map_with_a_crash_in(unsigned run)
{
    runs->begun = runs->begun_since_judged = runs->of_another = 0;
    runs->to_crash = run;
    return map({.name = "what is left",
                .prepare =
                    [] {
                        nothing_seen();
                        ++runs->begun_since_judged;
                        crashes = ++runs->begun == runs->to_crash;
                    },
                .reader =
                    [] {
                        if (crashes)
                            _exit(0);
                        set_two_places_and_x();
                    },
                .updater = look_in_the_order_that_is_left,
                .broken =
                    [] {
                        if (runs->begun_since_judged > 1)
                            runs->of_another = runs->begun - 1;
                        runs->begun_since_judged = 0;
                        return static_cast<const char*>(nullptr);
                    }},
               true);
}

} // namespace

TEST_CASE("a crash in the run of another schedule is an outcome of that one")
{
    shared_array<of_all_runs> shared(1);
    runs = shared.data();
    const map_report r = map_with_a_crash_in(0);
    INFO(to_text(r));
    if (!r.reduced)
        return;
    REQUIRE(runs->of_another > 1);
    const map_report crashed = map_with_a_crash_in(runs->of_another);
    INFO(to_text(crashed));
    CHECK(crashed.complete);
    REQUIRE(crashed.findings.size() == 1);
    CHECK(crashed.findings.front().kind == cell::crash);
    CHECK(crashed.findings.front().contexts.size() == 1); // that which is tried has two
}

TEST_CASE("an NMI comes between a reader's wait and its next look")
{
    static int waited;
    const race what = {.name = "between wait and look",
                       .prepare =
                           [] {
                               nothing_seen();
                               waited = 0;
                           },
                       .reader =
                           [] {
                               constexpr int enough = 4; // alone it must end, too
                               for (waited = 0; waited < enough && (first = value_of_x()) == 0; ++waited)
                                   about_to_wait();
                           },
                       .updater =
                           [] {
                               places[0].store(1, std::memory_order_relaxed);
                               x.store(1, std::memory_order_relaxed);
                           },
                       .broken = [] { return waited == 1 && first == 5 ? "it came" : nullptr; },
                       .nmi =
                           [] {
                               if (value_at(0) != 0)
                                   x.store(5, std::memory_order_relaxed);
                           }};
    const map_report r = map(what, true);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    REQUIRE(exit_code(r) == 3);
    CHECK(exit_code(replay(what, r.findings.front().token)) == 3);
}

// A limit that docs/explore.md names: in the schedule that stands for another one, the updater waits once less.
TEST_CASE("how often a thread has waited is not told apart, but with all schedules")
{
    static int looks;
    limits two;
    two.preemptions = 2;
    two.reduce = GENERATE(false, true);
    const map_report r = map({.name = "counts its waits",
                              .prepare =
                                  [] {
                                      nothing_seen();
                                      looks = 0;
                                  },
                              .reader = set_two_places_and_x,
                              .updater =
                                  [] {
                                      for (looks = 0; looks < 3 && value_of_x() == 0; ++looks)
                                          about_to_wait();
                                      first = value_at(0);
                                      second = value_at(1);
                                  },
                              .broken = [] { return looks == 3 ? "it looked three times" : nullptr; }},
                             true, two);
    INFO(to_text(r));
    if (!r.absent.empty())
        return;
    CHECK(r.complete);
    CHECK(exit_code(r) == (two.reduce ? 0 : 3));
}
