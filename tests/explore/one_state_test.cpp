// SPDX-License-Identifier: MIT
//
// Runs that leave something behind. Still every run must begin in the same state.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

std::atomic<long> counter;
std::atomic<bool> in_the_last_part;
void* volatile blocks[2];
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void reset()
{
    in_the_last_part.store(false, std::memory_order_relaxed);
}

void take_and_give_back()
{
    blocks[0] = std::malloc(4000);
    blocks[1] = std::malloc(40);
    std::free(blocks[0]);
    std::free(blocks[1]);
}

// The first runs take longer than those that follow, for good.
void fewer_rounds_each_time()
{
    static int runs = 0;
    for (int i = runs++; i < 12; ++i)
        counter.fetch_add(1, std::memory_order_relaxed);
    in_the_last_part.store(true, std::memory_order_relaxed);
    counter.fetch_add(1, std::memory_order_relaxed);
}

function end_of_the_run = nullptr;

void end_in_the_last_part()
{
    if (in_the_last_part.load(std::memory_order_relaxed))
        end_of_the_run();
}

// Shared with the processes that explore: a run to warm up, one to record, one to follow. How often the window has run in all of them.
std::atomic<int>* runs_in_all = nullptr;

// As a clock read that has to begin again while it is recorded, and hardly ever later.
void longer_while_it_is_recorded()
{
    if (runs_in_all->fetch_add(1, std::memory_order_relaxed) < 3)
        counter.fetch_add(1, std::memory_order_relaxed);
    counter.fetch_add(1, std::memory_order_relaxed);
}

void lock_twice()
{
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

} // namespace

TEST_CASE("malloc and free under an empty handler are clean: the heap is the same for every run")
{
    const sweep_report r = sweep({.name = "heap", .window = take_and_give_back, .nmi = [] {}});
    INFO(to_text(r));
    CHECK(r.clean());
    CHECK(exit_code(r) == 0);
}

TEST_CASE("a window whose path depends on what its runs leave behind is explored from one state")
{
    for (const method how : {method::automatic, method::single_step}) {
        limits l;
        l.how = how;
        const sweep_report r = sweep(
            {.name = "fewer rounds", .prepare = reset, .window = fewer_rounds_each_time, .nmi = [] {}}, l);
        INFO(to_text(r));
        CHECK(r.clean());
        for (const sweep_cell& c : r.cells)
            CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
    }
}

TEST_CASE(
    "how a run ends that has a process of its own is a finding at its boundary, and the next is explored")
{
    for (const auto& [end, kind] : {std::pair{function([] { _exit(0); }), verdict::crash},
                                    {function([] { std::raise(SIGSEGV); }), verdict::crash},
                                    {lock_twice, verdict::hang}}) {
        end_of_the_run = end;
        const sweep_report r = sweep({.name = "fewer rounds",
                                      .prepare = reset,
                                      .window = fewer_rounds_each_time,
                                      .nmi = end_in_the_last_part});
        INFO(to_text(r, true));
        CHECK(r.count(kind) > 0);
        CHECK(r.count(verdict::clean) > 0);
        CHECK(r.count(kind) + r.count(verdict::clean) == r.boundaries.size());
        CHECK(exit_code(r) == 3);
    }
}

TEST_CASE("a window that leaves every signal closed is explored from one state, too")
{
    const sweep_report r = sweep({.name = "fewer rounds, closed",
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
                                          fewer_rounds_each_time();
                                          sigprocmask(SIG_SETMASK, &all, nullptr);
                                      },
                                  .nmi = [] {}});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::held) > 0);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(r.count(verdict::held) + r.count(verdict::clean) == r.boundaries.size());
}

TEST_CASE("where the child has threads a boundary that is not reached says what to change")
{
    const sweep_report r = sweep({.name = "fewer rounds",
                                  .setup = [] { std::thread([] { pause(); }).detach(); },
                                  .prepare = reset,
                                  .window = fewer_rounds_each_time,
                                  .nmi = [] {}});
    INFO(to_text(r));
    CHECK(r.count(verdict::not_reached) > 0);
    CHECK(exit_code(r) == 1);
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::not_reached)
            CHECK(c.what.find("put back in `prepare`") != std::string::npos);
}

TEST_CASE("a recording that met a rare path is made again where the child has threads")
{
    void* const shared =
        mmap(nullptr, sizeof *runs_in_all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    runs_in_all = new (shared) std::atomic<int>(0);
    const sweep_report r = sweep({.name = "longer at first",
                                  .setup = [] { std::thread([] { pause(); }).detach(); },
                                  .window = longer_while_it_is_recorded,
                                  .nmi = [] {}});
    INFO(to_text(r));
    CHECK(r.count(verdict::not_reached) == 0);
    CHECK(r.clean());
}
