// SPDX-License-Identifier: MIT
//
// Which sleeps nobody can end, and which somebody can. Where only the state of
// the child may tell, the watchdog is an hour: a wrong answer is then a test
// that does not end.
#include "base/signal_mask.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include "explore/watch/child.hpp"

#include <atomic>
#include <csignal>
#include <ctime>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

constexpr std::uint64_t an_hour_ns = 3'600'000'000'000;
constexpr long many_looks_ms = 200;

using body = int (*)(void*);

child_result watched(body b, std::uint64_t watchdog_ns = an_hour_ns, void* argument = nullptr)
{
    const progress none{};
    return watch_child(start_child(b, argument), none, watchdog_ns);
}

void sleep_ms(long ms)
{
    timespec left{ms / 1000, ms % 1000 * 1'000'000};
    while (nanosleep(&left, &left) != 0) {
    }
}

int own_pipe(int end)
{
    static int ends[2] = {-1, -1};
    if (ends[0] < 0 && pipe(ends) != 0)
        _exit(2);
    return ends[end];
}

int read_own_pipe(void*)
{
    char c = 0;
    return static_cast<int>(read(own_pipe(0), &c, 1));
}

int write_full_pipe(void*)
{
    static const char block[4096]{};
    while (write(own_pipe(1), block, sizeof block) > 0) {
    }
    return 0;
}

int poll_without_time_out(void*)
{
    pollfd p{own_pipe(0), POLLIN, 0};
    return poll(&p, 1, -1);
}

int epoll_without_time_out(void*)
{
    const int e = epoll_create1(0);
    epoll_event about{};
    about.events = EPOLLIN;
    epoll_ctl(e, EPOLL_CTL_ADD, own_pipe(0), &about);
    return epoll_wait(e, &about, 1, -1);
}

int wait_for_a_signal(void*)
{
    const sigset_t one = nmisim::signal_set({SIGUSR1});
    nmisim::change_mask(SIG_BLOCK, SIGUSR1);
    int which = 0;
    return sigwait(&one, &which);
}

int lock_a_file_twice(void*)
{
    const int file = memfd_create("lock", 0);
    const std::string again = "/proc/self/fd/" + std::to_string(file);
    flock(file, LOCK_EX);
    return flock(open(again.c_str(), O_RDWR), LOCK_EX);
}

int wait_for_a_child_that_pauses(void*)
{
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    return waitpid(child, nullptr, 0) == child ? 0 : 1;
}

int deadlock_beside_a_paused_thread(void*)
{
    std::thread([] { pause(); }).detach();
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    return pthread_mutex_lock(&mutex);
}

int sleep_for_a_while(void*)
{
    sleep_ms(many_looks_ms);
    return 0;
}

int poll_with_time_out(void*)
{
    pollfd p{own_pipe(0), POLLIN, 0};
    return poll(&p, 1, static_cast<int>(many_looks_ms));
}

int wait_for_a_signal_with_time_out(void*)
{
    const sigset_t one = nmisim::signal_set({SIGUSR1});
    const timespec at_most{0, many_looks_ms * 1'000'000};
    return sigtimedwait(&one, nullptr, &at_most) == -1 ? 0 : 1;
}

int read_a_timer(void*)
{
    const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    const itimerspec once{{0, 0}, {0, many_looks_ms * 1'000'000}};
    timerfd_settime(timer, 0, &once, nullptr);
    std::uint64_t times = 0;
    return read(timer, &times, sizeof times) == sizeof times ? 0 : 1;
}

int poll_a_timer(void*)
{
    const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    const itimerspec once{{0, 0}, {0, many_looks_ms * 1'000'000}};
    timerfd_settime(timer, 0, &once, nullptr);
    pollfd p{timer, POLLIN, 0};
    return poll(&p, 1, -1) == 1 ? 0 : 1;
}

int pause_until_an_alarm(void*)
{
    std::signal(SIGALRM, [](int) {});
    const itimerval once{{0, 0}, {0, many_looks_ms * 1000}};
    setitimer(ITIMER_REAL, &once, nullptr);
    pause();
    return 0;
}

int read_what_a_child_writes_late(void*)
{
    own_pipe(0);
    if (fork() == 0) {
        sleep_ms(many_looks_ms);
        _exit(write(own_pipe(1), "x", 1) == 1 ? 0 : 1);
    }
    char c = 0;
    return read(own_pipe(0), &c, 1) == 1 ? 0 : 1;
}

int read_what_a_thread_writes_late(void*)
{
    own_pipe(0);
    std::thread([] {
        sleep_ms(many_looks_ms);
        static_cast<void>(!write(own_pipe(1), "x", 1));
    }).detach();
    char c = 0;
    return read(own_pipe(0), &c, 1) == 1 ? 0 : 1;
}

int peers[2];

int read_from_a_peer(void*)
{
    char c = 0;
    return read(peers[0], &c, 1) == 1 ? 0 : 1;
}

int nap_for_ever(void*)
{
    for (;;)
        sleep_ms(1);
}

int a_child_computes_for_ever(void*)
{
    if (fork() == 0)
        for (;;)
            asm volatile(""); // a loop that does nothing may be left out
    wait(nullptr);
    return 0;
}

void compute_ms(clockid_t clock, long ms)
{
    timespec start{};
    timespec now{};
    clock_gettime(clock, &start);
    do
        clock_gettime(clock, &now);
    while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 < ms);
}

// Ten milliseconds of CPU time at the lowest priority, beside a thread of the
// watcher that takes the same processor.
int compute_without_a_processor(void* cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(*static_cast<int*>(cpu)), &one);
    sched_setaffinity(0, sizeof one, &one);
    setpriority(PRIO_PROCESS, 0, 19);
    compute_ms(CLOCK_THREAD_CPUTIME_ID, 10);
    return 0;
}

std::atomic<bool> in_window;

void a_short_window()
{
    in_window.store(true, std::memory_order_relaxed);
    asm volatile("nop; nop"); // some way, also where neither store is made
    in_window.store(false, std::memory_order_relaxed);
}

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void with_lock()
{
    pthread_mutex_lock(&lock);
    a_short_window();
    pthread_mutex_unlock(&lock);
}

} // namespace

TEST_CASE("a sleep that nobody can end is told by the state of the child")
{
    for (const auto& [name, b] : {std::pair{"read", body(read_own_pipe)},
                                  {"write", write_full_pipe},
                                  {"poll", poll_without_time_out},
                                  {"epoll", epoll_without_time_out},
                                  {"sigwait", wait_for_a_signal},
                                  {"flock", lock_a_file_twice},
                                  {"pause in a child", wait_for_a_child_that_pauses},
                                  {"pause in another thread", deadlock_beside_a_paused_thread}}) {
        const child_result end = watched(b);
        INFO(name << ": " << in_words(end));
        CHECK(end.end == child_end::stuck);
        CHECK(end.state.starts_with("deadlock: "));
    }
}

TEST_CASE("a sleep that time, a child or a thread ends is waited for")
{
    for (const auto& [name, b] : {std::pair{"sleep", body(sleep_for_a_while)},
                                  {"poll", poll_with_time_out},
                                  {"sigtimedwait", wait_for_a_signal_with_time_out},
                                  {"read of a timer", read_a_timer},
                                  {"poll of a timer", poll_a_timer},
                                  {"alarm", pause_until_an_alarm},
                                  {"a child that writes", read_what_a_child_writes_late},
                                  {"a thread that writes", read_what_a_thread_writes_late}}) {
        const child_result end = watched(b);
        INFO(name << ": " << in_words(end));
        CHECK(end.end == child_end::finished);
    }
}

TEST_CASE("a read that a peer outside of the process may end is waited for")
{
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, peers) == 0);
    std::thread peer([] {
        sleep_ms(many_looks_ms);
        static_cast<void>(!write(peers[1], "x", 1));
    });
    const child_result end = watched(read_from_a_peer);
    peer.join();
    INFO(in_words(end));
    CHECK(end.end == child_end::finished);
}

TEST_CASE("a child that naps for ever, and one whose own child computes for "
          "ever, are told by the watchdog")
{
    for (const body b : {nap_for_ever, a_child_computes_for_ever}) {
        const child_result end = watched(b, 20'000'000);
        CHECK(end.end == child_end::stuck);
        CHECK(end.state.starts_with("no end: "));
    }
}

TEST_CASE("a child that waits for a processor is no hang")
{
    int cpu = sched_getcpu();
    std::atomic<bool> quit{false};
    std::thread busy([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(cpu), &one);
        sched_setaffinity(0, sizeof one, &one);
        while (!quit.load(std::memory_order_relaxed)) { // the join orders it
        }
    });
    const child_result end = watched(compute_without_a_processor, 20'000'000, &cpu);
    quit.store(true, std::memory_order_relaxed); // as above
    busy.join();
    INFO(in_words(end));
    CHECK(end.end == child_end::finished);
}

TEST_CASE("nothing that a stuck child has started is left running")
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const child_result end = watched(a_child_computes_for_ever, 20'000'000);
    CHECK(end.end == child_end::stuck);
    close(ends[1]);
    char c = 0;
    CHECK(read(ends[0], &c, 1) == 0); // the end of the file: whoever held the other end is gone
    close(ends[0]);
}

TEST_CASE("a handler that spins is given up after a few hangs with the same "
          "call chain")
{
    limits impatient;
    impatient.watchdog_ns = 20'000'000;
    impatient.same_hangs = 2;
    const sweep_report r = sweep({.name = "spin",
                                  .window = a_short_window,
                                  .nmi =
                                      [] {
                                          for (;;)
                                              asm volatile(""); // as above
                                      }},
                                 impatient);
    INFO(to_text(r));
    CHECK(r.count(verdict::hang) == 2);
    CHECK(r.incomplete.find("2 hangs with the same call chain") != std::string::npos);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("hangs that the state tells are told at every boundary, however many")
{
    limits l;
    l.same_hangs = 1;
    const sweep_report r = sweep({.name = "lock", .window = with_lock, .nmi = with_lock}, l);
    INFO(to_text(r));
    CHECK(r.count(verdict::hang) > 1);
    CHECK(r.cells.size() == r.boundaries.size());
    CHECK(r.complete);
}
