// SPDX-License-Identifier: MIT
//
// The child that explores, and how its parent judges its end.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

void nothing() {}

int forks_until_failure = 0; // 0: none fails
pid_t failing_in = 0;

void sleep_ms(long ms)
{
    const timespec t{ms / 1000, ms % 1000 * 1'000'000};
    nanosleep(&t, nullptr);
}

int short_sleeps(void*)
{
    for (int i = 0; i < 10; ++i)
        sleep_ms(10);
    return 0;
}

// Busy past the watchdog in a thread that ends, then asleep.
int a_busy_thread_ends(void* busy_ms)
{
    std::thread([ms = *static_cast<const long*>(busy_ms)] {
        timespec used{};
        do
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        while (used.tv_nsec / 1'000'000 < ms);
        sleep_ms(150); // the watcher has looked at it by then
    }).join();
    sleep_ms(200);
    return 0;
}

} // namespace

// In front of libc's, for this program.
extern "C" pid_t fork() noexcept
{
    static const auto real = reinterpret_cast<pid_t (*)()>(dlsym(RTLD_NEXT, "fork"));
    if (getpid() == failing_in && forks_until_failure != 0 && --forks_until_failure == 0) {
        errno = EAGAIN;
        return -1;
    }
    return real();
}

TEST_CASE("an exception in a child ends the child, which does not go on in its parent's program")
{
    constexpr int escaped = 99;
    const pid_t self = getpid();
    sweep_report r;
    try {
        r = sweep({.name = "prepare throws",
                   .prepare =
                       [] {
                           static int runs = 0;
                           if (++runs == 4) // behind warm-up and two recordings
                               throw std::runtime_error("no memory");
                       },
                   .window = nothing,
                   .nmi = nothing});
    } catch (const std::runtime_error&) {
    }
    if (getpid() != self)
        _exit(escaped);
    INFO(to_text(r));
    CHECK(r.incomplete == "while exploring: exit code 1");
    CHECK(exit_code(r) == 1);
}

TEST_CASE("a child is not asked to stop because its parent was")
{
    stop_asked.store(true, std::memory_order_relaxed); // this thread only
    const pid_t child =
        start_child([](void*) { return stop_asked.load(std::memory_order_relaxed) ? 1 : 0; }, // as above
                    nullptr);
    const child_result end = wait_child(child);
    stop_asked.store(false, std::memory_order_relaxed); // as above
    CHECK(end.end == child_end::finished);
}

TEST_CASE("where SIGCHLD is ignored, a child that has ended is waited for no longer, and has not finished")
{
    const auto before = std::signal(SIGCHLD, SIG_IGN);
    const auto nothing_to_do = [](void*) { return 0; };
    const child_result waited = wait_child_or_stop(start_child(nothing_to_do, nullptr));
    const progress none{};
    const child_result watched = watch_child(start_child(nothing_to_do, nullptr), none, 1'000'000'000);
    std::signal(SIGCHLD, before);
    CHECK(waited.end == child_end::failed);
    CHECK(watched.end == child_end::failed);
}

TEST_CASE("a map whose second process cannot be had leaves no first one behind")
{
    failing_in = getpid();
    forks_until_failure = 3; // the recording, the first process, the second
    CHECK_THROWS_AS(map({.name = "no process", .reader = nothing, .updater = nothing}), std::system_error);
    CHECK(forks_until_failure == 0);
    CHECK(waitpid(-1, nullptr, 0) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("the CPU time of a thread that has ended is no hang")
{
    long busy_ms = 300;
    const progress none{};
    const child_result end = watch_child(start_child(a_busy_thread_ends, &busy_ms), none, 500'000'000);
    INFO(end.state);
    CHECK(end.end == child_end::finished);
}

TEST_CASE("time for which child and watcher are stopped is no time without a sign of life")
{
    const pid_t watcher = start_child(
        [](void*) {
            setpgid(0, 0);
            const progress none{};
            const pid_t child = start_child(short_sleeps, nullptr);
            // 500 ms of real time
            return watch_child(child, none, 50'000'000).end == child_end::finished ? 0 : 1;
        },
        nullptr);
    sleep_ms(30); // it watches; without, the test shows less
    kill(-watcher, SIGSTOP);
    sleep_ms(700);
    kill(-watcher, SIGCONT);
    CHECK(wait_child(watcher).end == child_end::finished);
}

namespace {

struct watched {
    std::atomic<pid_t> child;
    std::atomic<bool> may_end;
};
watched* busy_one = nullptr;

int busy_until_told(void*)
{
    while (!busy_one->may_end.load(std::memory_order_relaxed)) { // nothing else is handed over
    }
    return 0;
}

int watch_the_busy_one(void*)
{
    const progress none{};
    busy_one->child = start_child(busy_until_told, nullptr);
    return watch_child(busy_one->child, none, 300'000'000).end == child_end::finished ? 0 : 1;
}

std::uint64_t cpu_ms_of(pid_t pid)
{
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 1'000'000; // it has ended: nothing is waited for
    return static_cast<std::uint64_t>(used.tv_sec) * 1000 +
           static_cast<std::uint64_t>(used.tv_nsec) / 1'000'000;
}

void wait_for_cpu_time(pid_t pid, std::uint64_t more_ms)
{
    const std::uint64_t until = cpu_ms_of(pid) + more_ms;
    while (cpu_ms_of(pid) < until)
        sleep_ms(1);
}

} // namespace

TEST_CASE("CPU time that a child used while its watcher got none makes no hang")
{
    shared_array<watched> shared(1);
    busy_one = shared.data();
    const pid_t watcher = start_child(watch_the_busy_one, nullptr);
    while (busy_one->child == 0)
        sleep_ms(1);
    wait_for_cpu_time(busy_one->child, 60); // it watches; without, the test shows less
    kill(watcher, SIGSTOP);
    wait_for_cpu_time(busy_one->child, 600);
    kill(watcher, SIGCONT);
    wait_for_cpu_time(busy_one->child, 60); // it looks meanwhile
    busy_one->may_end = true;
    CHECK(wait_child(watcher).end == child_end::finished);
}
