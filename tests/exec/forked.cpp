// SPDX-License-Identifier: MIT
//
// Programs that call torn_work() with something about them that a fork there does not carry over, or shares with who
// forked; and others that a fork stands for, if it is made well. Each finds its pair torn as torn_pair does.
#include "fixtures.hpp"

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

extern "C" {
extern volatile int torn_pair[2];
void torn_work(int rounds);
void torn_opens(int rounds);
void torn_rests(int rounds);
bool leaf_keeps(int rounds);
__attribute__((noinline)) void torn_opens(int rounds)
{
    for (int i = 0; i < rounds; ++i) {
        torn_pair[0] = i;
        torn_pair[1] = i;
    }
    int ends[2];
    if (pipe(ends) != 0)
        abort();
}
/// What it keeps lies below its stack pointer.
__attribute__((noinline)) bool leaf_keeps(int rounds)
{
    volatile int kept[24];
    for (int i = 0; i < 24; ++i)
        kept[i] = i;
    for (int left = rounds; left > 0; --left)
        asm volatile("");
    bool same = true;
    for (int i = 0; i < 24; ++i)
        same = same && kept[i] == i;
    return same;
}
static __attribute__((noinline)) void rest_a_while()
{
    for (int left = 400; left > 0; --left)
        asm volatile("");
}
__attribute__((noinline)) void torn_rests(int rounds)
{
    for (int i = 0; i < rounds; ++i) {
        torn_pair[0] = i;
        torn_pair[1] = i;
        rest_a_while();
    }
}
}

namespace fixture {

namespace {

constexpr int no_right = 96; // or the kernel has none

volatile int rounds = 2;
volatile int torn = 0;

void looks(int)
{
    torn = torn_pair[0] != torn_pair[1] ? 1 : torn;
}

/// Believes only a signal that was sent to its thread.
void looks_at_sender(int number, siginfo_t* from, void*)
{
    if (from->si_code == SI_TKILL)
        looks(number);
}

/// A child more where the pair is torn.
void looks_with_a_child(int number)
{
    looks(number);
    if (torn == 0)
        return;
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
}

int work_with(const struct sigaction& action, void (*function)(int) = torn_work)
{
    sigaction(SIGUSR1, &action, nullptr);
    function(rounds);
    say(torn != 0 ? "torn\n" : "whole\n");
    return 0;
}

int work(void (*function)(int) = torn_work, void (*handler)(int) = looks)
{
    struct sigaction action {};
    action.sa_handler = handler;
    return work_with(action, function);
}

int with_thread(int, char**)
{
    std::mutex mutex;
    std::condition_variable changed;
    bool end = false;
    std::thread other([&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return end; });
    });
    work();
    {
        const std::lock_guard lock(mutex);
        end = true;
    }
    changed.notify_one();
    other.join();
    return 0;
}

int with_former_child(int, char**)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
    return work();
}

int with_interval(int, char**)
{
    const itimerval hour{{0, 0}, {3600, 0}};
    setitimer(ITIMER_REAL, &hour, nullptr);
    return work();
}

int with_timer(int, char**)
{
    timer_t timer{};
    timer_create(CLOCK_MONOTONIC, nullptr, &timer);
    return work();
}

int with_shared_memory(int, char**)
{
    mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return work();
}

int with_memory_kept_back(int, char**)
{
    void* const p = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(p, 4096, MADV_DONTFORK);
    return work();
}

int with_wiped_memory(int, char**)
{
    void* const p = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return madvise(p, 4096, MADV_WIPEONFORK) == 0 ? work() : 98;
}

int with_locked_memory(int, char**)
{
    static char page[4096];
    mlock(page, sizeof page);
    return work();
}

int with_written_file(int, char**)
{
    char name[] = "/tmp/nmi-sim-exec-XXXXXX";
    mkstemp(name);
    unlink(name);
    return work();
}

int with_file_of_proc(int, char**)
{
    return open("/proc/self/status", O_RDONLY) >= 0 ? work() : 98;
}

int with_message_queue(int, char**)
{
    const std::string name = "/nmi-sim-" + std::to_string(getpid());
    if (mq_open(name.c_str(), O_RDONLY | O_CREAT, 0600, nullptr) < 0)
        return no_right;
    mq_unlink(name.c_str());
    return work();
}

/// Its children are numbered from 1.
int with_own_numbers(int, char**)
{
    return unshare(CLONE_NEWPID) == 0 ? work() : no_right;
}

int with_pipe(int, char**)
{
    int ends[2];
    return pipe(ends) == 0 ? work() : 98;
}

int with_lock(int, char**)
{
    struct flock lock {};
    lock.l_type = F_RDLCK;
    return fcntl(open("/proc/self/exe", O_RDONLY), F_SETLK, &lock) == 0 ? work() : 98;
}

int with_pending_signal(int, char**)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    std::raise(SIGWINCH);
    return work();
}

/// With the page of the NMI's handler, the only code that no file has.
template <class F>
void with_stub(F&& change)
{
    std::FILE* const maps = std::fopen("/proc/self/maps", "re");
    char line[4096];
    while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
        unsigned long start = 0;
        unsigned long end = 0;
        char rights[8];
        char path[8];
        if (std::sscanf(line, "%lx-%lx %7s %*s %*s %*s %7s", &start, &end, rights, path) == 3 &&
            std::string(rights) == "r-xp")
            change(reinterpret_cast<void*>(start), end - start);
    }
    std::fclose(maps);
}

int with_stub_unmapped(int, char**)
{
    with_stub([](void* at, std::size_t size) { munmap(at, size); });
    return work();
}

int with_stub_protected(int, char**)
{
    with_stub([](void* at, std::size_t size) { mprotect(at, size, PROT_READ); });
    return work();
}

/// Makes a file before, and removes it behind: `with_trace FILE`.
int with_trace(int argc, char** argv)
{
    if (argc < 1)
        return 98;
    close(open(argv[0], O_WRONLY | O_CREAT, 0600));
    work();
    say(unlink(argv[0]) == 0 ? "removed\n" : "gone\n");
    return 0;
}

int with_later_child(int, char**)
{
    work();
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
    return 0;
}

int with_later_program(int, char**)
{
    work();
    execlp("true", "true", nullptr);
    return 98;
}

int with_child_of_handler(int, char**)
{
    return work(torn_work, looks_with_a_child);
}

/// A pipe is opened on the way.
int with_call_inside(int, char**)
{
    return work(torn_opens);
}

/// A fork comes to its end while this is stepped through a function that it calls.
int with_long_callee(int, char**)
{
    return work(torn_rests);
}

void uses_its_stack(int)
{
    volatile char bytes[512];
    for (volatile char& b : bytes)
        b = -1;
}

/// Once, or for some time: `keeps_below_stack [ROUNDS]`.
int keeps_below_stack(int argc, char** argv)
{
    struct sigaction action {};
    action.sa_handler = uses_its_stack;
    sigaction(SIGUSR1, &action, nullptr);
    const double end = seconds() + (argc > 0 ? 0 : long_enough);
    bool kept = true;
    do
        kept = leaf_keeps(argc > 0 ? std::atoi(argv[0]) : 1'000'000) && kept;
    while (seconds() < end);
    say(kept ? "kept\n" : "lost\n");
    return 0;
}

/// Reads on in a file that it has begun to read.
int reads_on(int, char**)
{
    const int fd = open("/proc/self/exe", O_RDONLY);
    unsigned char bytes[64];
    if (read(fd, bytes, 16) != 16)
        return 98;
    work();
    unsigned sum = 0;
    if (read(fd, bytes, sizeof bytes) != sizeof bytes)
        return 98;
    for (const unsigned char b : bytes)
        sum = sum * 31 + b;
    char text[32];
    std::snprintf(text, sizeof text, "%08x\n", sum);
    say(text);
    return 0;
}

int asks_for_sender(int, char**)
{
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = looks_at_sender;
    return work_with(action);
}

/// Is alone in its session, has the parent and the handlers that it began with, and its C library knows its number.
int knows_itself(int, char**)
{
    const pid_t parent = getppid();
    struct sigaction action {};
    action.sa_handler = [](int) { say("raised\n"); };
    sigaction(SIGUSR2, &action, nullptr);
    sigaction(SIGTRAP, &action, nullptr);
    work();
    say(getpid() == gettid() && getpid() == getsid(0) && getpid() == getpgrp() ? "leader\n" : "follower\n");
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    say(mutex.__data.__owner == gettid() ? "owner\n" : "stranger\n");
    say(getppid() == parent ? "same parent\n" : "another parent\n");
    kill(0, SIGUSR2);
    pthread_kill(pthread_self(), SIGUSR2);
    std::raise(SIGTRAP);
    return 0;
}

/// Part of what it prints is still in its buffer when it comes to the function.
int prints_much(int, char**)
{
    const std::string line(100, 'x');
    for (int i = 0; i < 3000; ++i)
        std::printf("%d %s\n", i, line.c_str());
    work();
    for (int i = 0; i < 3000; ++i)
        std::printf("%d %s\n", i, line.c_str());
    return 0;
}

} // namespace

const entry forked[] = {{"with_thread", with_thread},
                        {"with_former_child", with_former_child},
                        {"with_interval", with_interval},
                        {"with_timer", with_timer},
                        {"with_shared_memory", with_shared_memory},
                        {"with_memory_kept_back", with_memory_kept_back},
                        {"with_wiped_memory", with_wiped_memory},
                        {"with_locked_memory", with_locked_memory},
                        {"with_written_file", with_written_file},
                        {"with_file_of_proc", with_file_of_proc},
                        {"with_message_queue", with_message_queue},
                        {"with_own_numbers", with_own_numbers},
                        {"with_pipe", with_pipe},
                        {"with_lock", with_lock},
                        {"with_pending_signal", with_pending_signal},
                        {"with_stub_unmapped", with_stub_unmapped},
                        {"with_stub_protected", with_stub_protected},
                        {"with_trace", with_trace},
                        {"with_later_child", with_later_child},
                        {"with_later_program", with_later_program},
                        {"with_child_of_handler", with_child_of_handler},
                        {"with_call_inside", with_call_inside},
                        {"with_long_callee", with_long_callee},
                        {"keeps_below_stack", keeps_below_stack},
                        {"reads_on", reads_on},
                        {"asks_for_sender", asks_for_sender},
                        {"knows_itself", knows_itself},
                        {"prints_much", prints_much},
                        {nullptr, nullptr}};

} // namespace fixture
