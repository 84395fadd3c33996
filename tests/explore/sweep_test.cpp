// SPDX-License-Identifier: MIT
//
// The sweep against small functions whose answer is known.
#include "base/signal_mask.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

std::atomic<long> counter;
std::atomic<long> nmis;

void reset()
{
    counter.store(0, std::memory_order_relaxed);
    nmis.store(0, std::memory_order_relaxed);
}

[[gnu::noinline]] void load_add_store()
{
    auto value = counter.load(std::memory_order_relaxed);
    asm volatile("" : "+r"(value)); // clang would make it one add to memory
    counter.store(value + 1, std::memory_order_relaxed);
}

[[gnu::noinline]] void single_add()
{
    counter.fetch_add(1, std::memory_order_relaxed);
}

void count_nmi()
{
    nmis.fetch_add(1, std::memory_order_relaxed);
}

const char* two_increments()
{
    return counter.load(std::memory_order_relaxed) == 2 ? nullptr : "an update is lost";
}

const char* one_nmi()
{
    return nmis.load(std::memory_order_relaxed) == 1 ? nullptr : "not exactly one NMI";
}

target counting(const char* name, function window)
{
    return {.name = name, .prepare = reset, .window = window, .nmi = count_nmi, .broken = one_nmi};
}

std::vector<std::uint64_t> violations(const sweep_report& r)
{
    std::vector<std::uint64_t> offsets;
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::violation)
            offsets.push_back(r.boundaries[c.boundary].offset);
    return offsets;
}

void loop()
{
    for (int i = 0; i < 5; ++i)
        single_add();
}

[[gnu::noinline]] void add_three()
{
    counter.fetch_add(3, std::memory_order_relaxed);
}

[[gnu::noinline]] void add_four()
{
    counter.fetch_add(4, std::memory_order_relaxed);
}

const volatile function paths[] = {add_three, add_four};

void one_then_the_other()
{
    static std::size_t run = 0;
    paths[run++ % 2]();
}

// Not in the state of one process: a fork does not bring it back.
std::atomic<unsigned>& runs_of_all_processes()
{
    static auto* const shared = static_cast<std::atomic<unsigned>*>(mmap(
        nullptr, sizeof(std::atomic<unsigned>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    return *shared;
}

void another_after_the_recording()
{
    constexpr unsigned warm_up_and_two_recordings = 3;
    // one thread at a time
    const unsigned run = runs_of_all_processes().fetch_add(1, std::memory_order_relaxed);
    paths[run / warm_up_and_two_recordings != 0 ? 1 : 0]();
}

void system_calls()
{
    syscall(SYS_getppid);
    syscall(SYS_getpgid, 0);
}

void block_everything_for_a_while()
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    single_add();
    sigprocmask(SIG_SETMASK, &old, nullptr);
}

void block_for_good()
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
}

void unblock()
{
    reset();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

void start_and_join_a_thread()
{
    pthread_t thread;
    pthread_create(
        &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
    pthread_join(thread, nullptr);
}

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void with_lock()
{
    pthread_mutex_lock(&lock);
    single_add();
    pthread_mutex_unlock(&lock);
}

void crash_in_the_middle()
{
    if (counter.load(std::memory_order_relaxed) == 1)
        std::raise(SIGSEGV);
}

void exit_in_the_middle()
{
    if (counter.load(std::memory_order_relaxed) == 1)
        _exit(0);
}

std::size_t behind_a_system_call(const sweep_report& r)
{
#if defined(__x86_64__)
    constexpr std::array<unsigned char, 2> system_call{0x0f, 0x05};
#else
    constexpr std::array<unsigned char, 4> system_call{0x01, 0x00, 0x00, 0xd4};
#endif
    std::size_t n = 0;
    for (std::size_t i = 1; i < r.boundaries.size(); ++i)
        if (r.boundaries[i].ip == r.boundaries[i - 1].ip + system_call.size())
            n += std::memcmp(reinterpret_cast<const void*>(r.boundaries[i - 1].ip), system_call.data(),
                             system_call.size()) == 0
                     ? 1
                     : 0;
    return n;
}

// Each function of libc has an instruction of its own for it. The last two calls are those that hurt when they are not
// guarded.
void many_system_calls()
{
    sched_yield();
    getppid();
    getuid();
    geteuid();
    getgid();
    getegid();
    static_cast<void>(getpgid(0));
    static_cast<void>(getsid(0));
    umask(022);
    tms used{};
    times(&used);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    getpriority(PRIO_PROCESS, 0);
    sched_get_priority_max(0);
    sched_get_priority_min(0);
    utsname name{};
    uname(&name);
    itimerval timer{};
    getitimer(ITIMER_REAL, &timer);
    lseek(-1, 0, SEEK_CUR);
    access("/", F_OK);
    close(dup(-1));
    static_cast<void>(fchdir(-1));
    fsync(-1);
    rmdir("");
    unlink("");
    fchmod(-1, 0);
    block_everything_for_a_while();
}

} // namespace

TEST_CASE("an increment in three instructions loses an update exactly between load and store")
{
    const sweep_report r = sweep({.name = "counter",
                                  .prepare = reset,
                                  .window = load_add_store,
                                  .nmi = load_add_store,
                                  .broken = two_increments});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::clean) + r.count(verdict::violation) == r.boundaries.size());
    CHECK(r.count(verdict::violation) >= 1);
    CHECK(r.count(verdict::violation) < r.boundaries.size());
    CHECK(exit_code(r) == 3);
    for (int i = 0; i < 19; ++i)
        CHECK(violations(sweep({.prepare = reset,
                                .window = load_add_store,
                                .nmi = load_add_store,
                                .broken = two_increments})) == violations(r));
}

TEST_CASE("an increment in one instruction loses nothing")
{
    const sweep_report r = sweep({.name = "counter",
                                  .prepare = reset,
                                  .window = single_add,
                                  .nmi = single_add,
                                  .broken = two_increments});
    INFO(to_text(r, true));
    CHECK(r.clean());
    CHECK(exit_code(r) == 0);
}

TEST_CASE("a run that takes another path of the same length has not reached its boundary")
{
    for (const method how : {method::automatic, method::single_step}) {
        limits l;
        l.how = how;
        target two_paths = counting("two paths", another_after_the_recording);
        runs_of_all_processes().store(0, std::memory_order_relaxed); // nobody explores yet
        two_paths.setup = [] { runs_of_all_processes().store(0, std::memory_order_relaxed); }; // one thread
        const sweep_report r = sweep(two_paths, l);
        INFO(to_text(r, true));
        CHECK(r.count(verdict::not_reached) > 0);
        CHECK(r.count(verdict::clean) > 0);
        CHECK(exit_code(r) == 1);
        for (const sweep_cell& c : r.cells)
            if (c.verdict == verdict::clean)
                CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
    }
}

TEST_CASE("a boundary on one of two paths that alternate is reached by another run")
{
    limits l;
    l.how = method::single_step;
    const sweep_report r = sweep(counting("two paths", one_then_the_other), l);
    INFO(to_text(r, true));
    CHECK(r.clean());
    for (const sweep_cell& c : r.cells)
        CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
}

TEST_CASE("breakpoints and single steps find the same")
{
    const target what{
        .prepare = reset, .window = load_add_store, .nmi = load_add_store, .broken = two_increments};
    limits stepped;
    stepped.how = method::single_step;
    CHECK(violations(sweep(what)) == violations(sweep(what, stepped)));
}

TEST_CASE("the NMI is delivered exactly at its boundary, in every round of a loop")
{
    const sweep_report r = sweep(counting("loop", loop));
    INFO(to_text(r, true));
    CHECK(r.clean());
    CHECK(r.boundaries.size() >= 15);
    for (const sweep_cell& c : r.cells)
        CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
}

TEST_CASE("the boundary right behind a system call is explored")
{
    const sweep_report r = sweep(counting("system calls", system_calls));
    INFO(to_text(r, true));
    CHECK(r.clean());
    CHECK(behind_a_system_call(r) == 2);
}

TEST_CASE("a window with more system-call instructions than can be guarded is explored all the same")
{
    const sweep_report r = sweep(counting("many calls", many_system_calls));
    INFO(to_text(r));
    CHECK(behind_a_system_call(r) > 24);
    CHECK(r.clean());
}

TEST_CASE("an NMI raised while signals are blocked is delivered when they are unblocked")
{
    const sweep_report r = sweep(counting("blocked", block_everything_for_a_while));
    INFO(to_text(r, true));
    CHECK(r.clean());
    std::size_t late = 0;
    for (const sweep_cell& c : r.cells)
        late += c.delivered_at != r.boundaries[c.boundary].ip ? 1 : 0;
    CHECK(late > 0);
}

TEST_CASE("an NMI that stays blocked to the end of the window is held, not clean by luck")
{
    const sweep_report r =
        sweep({.name = "held", .prepare = unblock, .window = block_for_good, .nmi = count_nmi});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::held) > 0);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(exit_code(r) == 0);
}

TEST_CASE("an NMI that could not be raised is not held")
{
    const sweep_report r = sweep({.name = "no signal left",
                                  .setup =
                                      [] {
                                          const rlimit none{0, 0};
                                          setrlimit(RLIMIT_SIGPENDING, &none);
                                      },
                                  .prepare = unblock,
                                  .window = block_for_good,
                                  .nmi = count_nmi});
    INFO(to_text(r));
    CHECK(r.count(verdict::not_reached) == r.boundaries.size());
    CHECK(r.cells.front().what == "the NMI could not be raised: EAGAIN");
    CHECK(exit_code(r) == 1);
}

TEST_CASE("an NMI signal that the caller has blocked is delivered all the same")
{
    const nmisim::signals_blocked inherited(nmisim::signal_set({SIGRTMIN + 1}));
    const sweep_report r = sweep(counting("inherited mask", single_add));
    INFO(to_text(r));
    CHECK(r.count(verdict::clean) == r.boundaries.size());
}

TEST_CASE("a window that starts a thread survives, and the thread does not inherit the trap flag")
{
    const sweep_report r =
        record({.name = "thread", .prepare = reset, .window = start_and_join_a_thread, .nmi = count_nmi});
    INFO(to_text(r));
    CHECK(r.complete);
    CHECK(r.boundaries.size() > 100);
}

TEST_CASE(
    "a handler that takes the lock of the interrupted code is a hang with its state, not the end of the test")
{
    const sweep_report r = sweep({.name = "lock", .prepare = reset, .window = with_lock, .nmi = with_lock});
    INFO(to_text(r));
    CHECK(r.count(verdict::hang) > 0);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(exit_code(r) == 3);
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::hang)
            CHECK(c.what.find("futex wait") != std::string::npos);
}

void wait_for_a_child(bool by_signal)
{
    sigset_t child_end;
    sigset_t before;
    sigemptyset(&child_end);
    sigaddset(&child_end, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_end, &before);
    std::signal(SIGCHLD, [](int) {});
    const pid_t child = fork();
    if (child == 0) {
        const timespec several_looks{0, 150'000'000};
        nanosleep(&several_looks, nullptr);
        _exit(0);
    }
    if (by_signal)
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    waitpid(child, nullptr, 0);
}

TEST_CASE("a thread that waits for a child process is not asleep for ever")
{
    for (const function setup :
         {function([] { wait_for_a_child(false); }), function([] { wait_for_a_child(true); })}) {
        const sweep_report r =
            sweep({.name = "wait", .setup = setup, .prepare = reset, .window = single_add, .nmi = count_nmi});
        INFO(to_text(r));
        CHECK(r.clean());
    }
}

TEST_CASE("a crash is a finding at its boundary, and the sweep goes on behind it")
{
    const sweep_report r =
        sweep({.name = "crash", .prepare = reset, .window = load_add_store, .nmi = crash_in_the_middle});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::crash) > 0);
    CHECK(r.cells.size() == r.boundaries.size());
    CHECK(r.cells.back().what.find("SIGSEGV") != std::string::npos);
}

TEST_CASE("a child that ends itself with exit code 0 is a finding at its boundary, not the sweep's end")
{
    const sweep_report r =
        sweep({.name = "exit", .prepare = reset, .window = load_add_store, .nmi = exit_in_the_middle});
    INFO(to_text(r, true));
    CHECK(r.count(verdict::crash) > 0);
    CHECK(r.cells.size() == r.boundaries.size());
    CHECK(r.cells.back().what == "ended the process, exit code 0");
    CHECK(exit_code(r) == 3);
}

TEST_CASE("exit code 0 while recording is no recording")
{
    const function second_recording_exits = [] {
        reset();
        static int runs = 0;
        if (++runs == 3)
            _exit(0);
    };
    const sweep_report r =
        record({.name = "exit", .prepare = second_recording_exits, .window = single_add, .nmi = count_nmi});
    INFO(to_text(r));
    CHECK(exit_code(r) == 1);
    CHECK(r.incomplete == "while recording: ended the process, exit code 0");
}

TEST_CASE("a window with too many boundaries is incomplete, never clean")
{
    limits few;
    few.boundaries = 5;
    const sweep_report r = sweep(counting("capped", loop), few);
    CHECK_FALSE(r.clean());
    CHECK(exit_code(r) == 1);
    CHECK(r.incomplete.find("more than 5") != std::string::npos);
}

TEST_CASE("a window that never ends is stopped by the watchdog")
{
    limits impatient;
    impatient.watchdog_ns = 100'000'000;
    impatient.bad_ends = 2;
    const sweep_report r = sweep({.name = "endless",
                                  .prepare = reset,
                                  .window = load_add_store,
                                  .nmi =
                                      [] {
                                          while (counter.load(std::memory_order_relaxed) == 1) {
                                          }
                                      }},
                                 impatient);
    INFO(to_text(r));
    CHECK(r.count(verdict::hang) > 0);
}
