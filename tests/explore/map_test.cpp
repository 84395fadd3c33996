// SPDX-License-Identifier: MIT
//
// The map against a read-side section of one flag, whose answer is known.
#include "explore/watch/shared.hpp"
#include "nmisim/explore_replay.hpp"
#include "support/catch2.hpp"

#include "report/explore_report.hpp"

#include <atomic>
#include <cstdio>
#include <regex>
#include <set>
#include <string>

#include <unistd.h>

using namespace nmisim::explore;

namespace {

std::atomic<int> reading;
std::atomic<int*> published;
int objects[2];
std::atomic<bool> used_after;

constexpr int alive = 1;
constexpr int poison = 0x6b;

void prepare()
{
    objects[0] = objects[1] = alive;
    published.store(&objects[0], std::memory_order_relaxed);
    reading.store(0, std::memory_order_relaxed);
    used_after.store(false, std::memory_order_relaxed);
}

const char* broken()
{
    return used_after.load(std::memory_order_relaxed) ? "used after its grace period" : nullptr;
}

void use(const int* object)
{
    if (*static_cast<const volatile int*>(object) != alive)
        used_after.store(true, std::memory_order_relaxed);
}

void reader()
{
    reading.store(1, std::memory_order_seq_cst); // (1) seq_cst: marked before the load; pairs with (2), (6)
    use(published.load(std::memory_order_relaxed));
    reading.store(0, std::memory_order_release); // (3) release: the use is over; pairs with (2), (6)
}

void reader_that_looks_too_early()
{
    const int* object = published.load(std::memory_order_relaxed);
    reading.store(1, std::memory_order_seq_cst); // (4) seq_cst: too late; pairs with (2)
    use(object);
    reading.store(0, std::memory_order_release); // (5) release: the use is over; pairs with (2)
}

void updater()
{
    published.store(&objects[1], std::memory_order_relaxed);
    while (reading.load(std::memory_order_seq_cst) != 0) // (2) seq_cst: pairs with (1), (3), (4), (5)
        about_to_wait();
    *static_cast<volatile int*>(&objects[0]) = poison;
}

/// Right, but for what it does after it had to wait.
void updater_wrong_after_a_wait()
{
    published.store(&objects[1], std::memory_order_relaxed);
    bool waited = false;
    while (reading.load(std::memory_order_seq_cst) != 0) { // (6) seq_cst: as (2); pairs with (1), (3)
        waited = true;
        about_to_wait();
    }
    if (waited)
        used_after.store(true, std::memory_order_relaxed);
}

void updater_without_grace_period()
{
    published.store(&objects[1], std::memory_order_relaxed);
    *static_cast<volatile int*>(&objects[0]) = poison;
}

std::vector<std::uint32_t> reader_boundaries(const map_report& r)
{
    std::vector<std::uint32_t> at;
    for (const map_finding& f : r.findings)
        at.push_back(f.reader);
    return at;
}

} // namespace

TEST_CASE("an updater that waits for the reader is never wrong, and the measured section has no holes")
{
    for (const bool full : {false, true}) {
        const map_report r =
            map({.name = "flag", .prepare = prepare, .reader = reader, .updater = updater, .broken = broken},
                full);
        INFO(to_text(r));
        CHECK(r.clean());
        CHECK(r.contiguous);
        CHECK(r.first_waiting >= 0);
        CHECK(r.count(cell::waits) > 0);
        CHECK(r.count(cell::ends) > 0);
        CHECK(exit_code(r) == 0);
    }
}

TEST_CASE("a missing grace period is found at the same boundaries in 20 of 20 maps")
{
    const race what{.name = "no grace period",
                    .prepare = prepare,
                    .reader = reader,
                    .updater = updater_without_grace_period,
                    .broken = broken};
    const map_report first = map(what);
    INFO(to_text(first));
    REQUIRE(!first.findings.empty());
    CHECK(exit_code(first) == 3);
    for (int i = 0; i < 19; ++i)
        CHECK(reader_boundaries(map(what)) == reader_boundaries(first));
}

TEST_CASE("a dereference before the section begins is found")
{
    const map_report r = map({.name = "early",
                              .prepare = prepare,
                              .reader = reader_that_looks_too_early,
                              .updater = updater,
                              .broken = broken});
    INFO(to_text(r));
    CHECK(!r.findings.empty());
}

TEST_CASE("a full map holds every violation of the row map and the schedules of both orders")
{
    limits unreduced;
    unreduced.reduce = false;
    const map_report r = map({.name = "full",
                              .prepare = prepare,
                              .reader = reader,
                              .updater = updater_without_grace_period,
                              .broken = broken},
                             true, unreduced);
    INFO(to_text(r));
    CHECK(r.reader_first.size() == r.reader.size() * r.updater.size());
    CHECK(r.updater_first.size() == r.reader.size() * r.updater.size());
    bool reader_went_first = false;
    bool updater_went_first = false;
    for (const map_finding& f : r.findings)
        (f.reader_first ? reader_went_first : updater_went_first) = true;
    CHECK(reader_went_first);
    CHECK(updater_went_first);
}

TEST_CASE("an updater that spins for ever without a word is a hang, and the map goes on behind it")
{
    limits impatient;
    impatient.watchdog_ns = 50'000'000;
    const map_report r = map({.name = "spin",
                              .prepare = prepare,
                              .reader = reader,
                              .updater =
                                  [] {
                                      while (reading.load(std::memory_order_relaxed) != 0) {
                                      }
                                  }},
                             false, impatient);
    INFO(to_text(r));
    CHECK(r.count(cell::hang) > 0);
    CHECK(r.count(cell::ends) > 0);
    CHECK(r.count(cell::unexplored) == 0);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a full map without the reduction follows a branch that depends on the other thread")
{
    limits unreduced;
    unreduced.reduce = false;
    const race what{.name = "branch",
                    .prepare = prepare,
                    .reader =
                        [] {
                            if (published.load(std::memory_order_relaxed) == &objects[1])
                                objects[0] = alive;
                            else
                                used_after.store(false, std::memory_order_relaxed);
                        },
                    .updater = [] { published.store(&objects[1], std::memory_order_relaxed); }};
    const map_report r = map(what, true, unreduced);
    INFO(to_text(r));
    CHECK(r.count(cell::not_reached) == 0);
    CHECK(exit_code(r) == 0);
    CHECK(r.runs > r.schedules); // those that were made again, on the other path
}

TEST_CASE("of a path that is longer than the recorded one the last cell stands for what is behind it")
{
    static volatile int steps;
    limits unreduced;
    unreduced.reduce = false;
    unreduced.processes = 1;
    // Alone the updater has nothing to do. Where it has, the reader must not come between its last two steps.
    const map_report r = map({.name = "longer",
                              .prepare =
                                  [] {
                                      prepare();
                                      steps = 0;
                                  },
                              .reader =
                                  [] {
                                      reading.store(1, std::memory_order_relaxed);
                                      if (steps == 41)
                                          used_after = true;
                                  },
                              .updater =
                                  [] {
                                      if (reading.load(std::memory_order_relaxed) == 1)
                                          while (steps != 42)
                                              steps = steps + 1;
                                  },
                              .broken = broken},
                             true, unreduced);
    INFO(to_text(r));
    CHECK(exit_code(r) == 3);
    CHECK(r.count(cell::not_reached) == 0);
}

TEST_CASE("a thread that leaves its recorded path and comes back to it is paused in between")
{
    static volatile int flag;
    static volatile int a;
    static volatile int b;
    limits unreduced;
    unreduced.reduce = false;
    unreduced.processes = GENERATE(1U, 2U);
    const race what{.name = "comes back",
                    .prepare =
                        [] {
                            prepare();
                            flag = 0;
                            a = 0;
                            b = 0;
                        },
                    .reader =
                        [] {
                            if (flag != 0) {
                                a = 1;
                                b = 1;
                            }
                            reading.store(1, std::memory_order_relaxed);
                        },
                    .updater =
                        [] {
                            flag = 1;
                            if (a == 1 && b == 0)
                                used_after = true;
                        },
                    .broken = broken};
    const map_report r = map(what, true, unreduced);
    INFO(to_text(r));
    CHECK(r.complete);
    CHECK(exit_code(r) == 3);
    REQUIRE_FALSE(r.findings.empty());
    CHECK(r.findings.front().schedule.find("reader on another path than alone, to behind ") !=
          std::string::npos);
    const map_report again = replay(what, r.findings.front().token, unreduced);
    INFO(to_text(again));
    CHECK(exit_code(again) == 3);
}

TEST_CASE("a run that asks for a thread's path and crashes is no outcome of a schedule")
{
    static volatile int flag;
    static int* volatile nowhere;
    limits unreduced;
    unreduced.reduce = false;
    unreduced.processes = 1;
    const map_report r = map({.name = "asks",
                              .prepare = [] { flag = 0; },
                              .reader =
                                  [] {
                                      if (flag != 0)
                                          *nowhere = 1;
                                  },
                              .updater =
                                  [] {
                                      flag = 1;
                                      flag = 0;
                                  }},
                             true, unreduced);
    INFO(to_text(r));
    CHECK(r.count(cell::crash) > 0);
    for (const map_finding& f : r.findings) // before its first instruction the reader has not looked
        CHECK((f.reader_first || f.reader != 0));
    CHECK(r.complete);
}

TEST_CASE("a path that is longer than is followed makes the map incomplete")
{
    limits unreduced;
    unreduced.reduce = false;
    unreduced.processes = 1;
    const map_report r = map({.name = "too long",
                              .prepare = prepare,
                              .reader = [] { reading.store(1, std::memory_order_relaxed); },
                              .updater =
                                  [] {
                                      if (reading.load(std::memory_order_relaxed) == 1)
                                          for (int i = 0; i < 1000; ++i)
                                              asm volatile("nop");
                                  },
                              .broken = broken},
                             true, unreduced);
    INFO(to_text(r));
    CHECK(exit_code(r) == 1);
    CHECK(r.count(cell::not_reached) > 0);
    CHECK(r.incomplete.find("did not reach their boundary") != std::string::npos);
}

TEST_CASE("an updater that waits in read() for the reader is seen to wait")
{
    static int token[2];
    const function with_token = [] { // a lock made of a pipe
        char c = 0;
        static_cast<void>(!read(token[0], &c, 1));
        used_after.store(false, std::memory_order_relaxed);
        static_cast<void>(!write(token[1], &c, 1));
    };
    const map_report r =
        map({.name = "pipe",
             .setup = [] { static_cast<void>(pipe(token) != 0 || write(token[1], "x", 1) != 1); },
             .reader = with_token,
             .updater = with_token});
    INFO(to_text(r));
    CHECK(r.clean());
    CHECK(r.count(cell::waits) > 0);
    CHECK(r.count(cell::ends) > 0);
    CHECK(r.contiguous);
}

TEST_CASE("a reader for which nobody writes is a deadlock, told by who sleeps and not by time")
{
    static int never[2];
    const map_report r = map({.name = "never",
                              .setup = [] { static_cast<void>(pipe(never) != 0); },
                              .reader =
                                  [] {
                                      char c = 0;
                                      static_cast<void>(!read(never[0], &c, 1));
                                  },
                              .updater = [] { used_after.store(false, std::memory_order_relaxed); }});
    INFO(to_text(r));
    CHECK(r.incomplete.find("deadlock") != std::string::npos);
}

TEST_CASE("a child that ends itself with exit code 0 is a finding at its "
          "schedule, and nothing stays unexplored")
{
    const map_report r = map({.name = "exit", .prepare = prepare, .reader = reader, .updater = [] {
                                  if (reading.load(std::memory_order_relaxed) != 0)
                                      _exit(0);
                              }});
    INFO(to_text(r));
    CHECK(r.count(cell::crash) > 0);
    CHECK(r.count(cell::ends) > 0);
    CHECK(r.count(cell::unexplored) == 0);
    CHECK(exit_code(r) == 3);
    REQUIRE(!r.findings.empty());
    CHECK(r.findings.front().what == "ended the process, exit code 0");
}

TEST_CASE("a map with an unexplored schedule is not clean, and its text says so")
{
    map_report r;
    r.reader.resize(2);
    r.updater.resize(1);
    r.updater_first = {cell::ends, cell::unexplored};
    CHECK_FALSE(r.clean());
    CHECK(exit_code(r) == 1);
    CHECK(to_text(r).find(", 1 unexplored") != std::string::npos);
}

TEST_CASE("a map whose recording failed is drawn without a cell, and says that it is incomplete")
{
    limits few;
    few.boundaries = 2;
    for (const bool full : {false, true}) {
        const map_report r =
            map({.name = "capped", .prepare = prepare, .reader = reader, .updater = updater}, full, few);
        CHECK(exit_code(r) == 1);
        const std::string svg = to_svg(r);
        CHECK(svg.find("incomplete: reader: more than 2 boundaries") != std::string::npos);
        CHECK(svg.find("</svg>") != std::string::npos);
    }
}

TEST_CASE("what a picture's legend counts is what is printed as the number of schedules")
{
    const map_report r = map(
        {.name = "flag", .prepare = prepare, .reader = reader, .updater = updater, .broken = broken}, true);
    INFO(to_text(r));
    CHECK(r.schedules == 2 * r.reader.size() * r.updater.size());
    if (r.reduced) // on x86-64
        CHECK(r.runs < r.schedules);
    CHECK(to_text(r).find(std::to_string(r.schedules) + " schedules by " + std::to_string(r.runs) +
                          " runs") != std::string::npos);
    std::string svg = to_svg(r);
    CHECK(svg.find(" " + std::to_string(r.schedules) + " schedules") != std::string::npos);
    const std::regex legend(R"re(<text [^>]*>[^<(]*\((\d+)\)</text>)re");
    std::uint64_t sum = 0;
    for (std::smatch m; std::regex_search(svg, m, legend); svg = m.suffix())
        sum += std::stoull(m[1]);
    CHECK(sum == r.schedules);
}

TEST_CASE("a violation in a schedule in which the updater waits is a violation")
{
    const bool full = GENERATE(false, true);
    race what{.name = "flag", .prepare = prepare, .reader = reader, .updater = updater, .broken = broken};
    const map_report right = map(what, full);
    what.updater = updater_wrong_after_a_wait;
    const map_report r = map(what, full);
    INFO(to_text(r));
    CHECK(exit_code(r) == 3);
    CHECK(right.count(cell::waits) > 0);
    CHECK(r.count(cell::waits) == 0);
    if (!full) // the updaters have not as many boundaries
        CHECK(r.count(cell::violation) == right.count(cell::waits));
    CHECK(r.count(cell::violation) > 0);
    CHECK(r.count(cell::ends) > 0);
    CHECK_FALSE(r.findings.empty());
}

TEST_CASE("a map by no process is made by one")
{
    limits none;
    none.processes = 0;
    const map_report r =
        map({.name = "flag", .prepare = prepare, .reader = reader, .updater = updater}, false, none);
    INFO(to_text(r));
    CHECK(r.clean());
    CHECK(r.schedules == r.reader.size());
}

namespace {

std::atomic<unsigned>* schedules_judged = nullptr; ///< shared with the child

} // namespace

TEST_CASE("one process that records and explores tells what two tell")
{
    shared_array<std::atomic<unsigned>> judged(1);
    schedules_judged = judged.data();
    const auto end_it = [] {
        if (reading.load(std::memory_order_relaxed) != 0)
            _exit(0);
    };
    const auto count = []() -> const char* {
        schedules_judged->fetch_add(1, std::memory_order_relaxed); // read after the end of the child
        return nullptr;
    };
    map_report by[2];
    for (const unsigned n : {1U, 2U}) {
        limits within;
        within.processes = n;
        by[n - 1] =
            map({.name = "exit", .prepare = prepare, .reader = reader, .updater = end_it}, false, within);
        const map_report crash =
            map({.name = "crash", .reader = [] { raise(SIGSEGV); }, .updater = updater}, false, within);
        CHECK(crash.incomplete == "while recording: killed by SIGSEGV");
        within.boundaries = 2;
        judged[0].store(0, std::memory_order_relaxed); // no child is there
        const map_report few =
            map({.name = "few", .prepare = prepare, .reader = reader, .updater = updater, .broken = count},
                false, within);
        CHECK(few.incomplete == "reader: more than 2 boundaries");
        CHECK(judged[0].load(std::memory_order_relaxed) == 0); // as above
    }
    CHECK(by[0].count(cell::crash) > 0);
    CHECK(by[0].updater_first == by[1].updater_first);
}

TEST_CASE("a finding of a map has its own text, or none that another has")
{
    limits one;
    one.processes = 1;
    one.reduce = false;
    const map_report r = map({.name = "texts",
                              .prepare = prepare,
                              .reader = reader,
                              .updater = reader,
                              .broken = []() -> const char* {
                                  static char text[32];
                                  static int schedules = 0;
                                  std::snprintf(text, sizeof text, "schedule %d", ++schedules);
                                  return text;
                              }},
                             true, one);
    REQUIRE(r.findings.size() > 64);
    std::set<std::string> own;
    for (const map_finding& f : r.findings)
        if (!f.what.starts_with("and others"))
            CHECK(own.insert(f.what).second);
    CHECK(own.size() >= 63);
}
