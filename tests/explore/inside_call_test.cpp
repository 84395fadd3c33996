// SPDX-License-Identifier: MIT
//
// NMIs that come while a system call is under way: what the kernel makes of it is the window's to handle.
#include "explore/watch/child.hpp"
#include "explore/watch/inside_call.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

int pipe_ends[2];
int asks[2];
volatile std::sig_atomic_t came;
const char* failed;

void note(int)
{
    came = 1;
}

void install(int flags)
{
    struct sigaction a {};
    a.sa_handler = note;
    a.sa_flags = flags;
    sigaction(SIGRTMIN + 1, &a, nullptr);
    if (pipe(pipe_ends) != 0 || pipe(asks) != 0)
        _exit(9);
}

void install_plain()
{
    install(0);
}

void prepare()
{
    came = 0;
    failed = nullptr;
}

const char* what_failed()
{
    return failed;
}

[[gnu::noinline]] void poll_once()
{
    pollfd nothing{pipe_ends[0], POLLIN, 0};
    if (poll(&nothing, 1, 60) < 0)
        failed = "poll failed";
}

[[gnu::noinline]] void poll_again()
{
    pollfd nothing{pipe_ends[0], POLLIN, 0};
    while (poll(&nothing, 1, 60) < 0 && errno == EINTR) {
    }
}

useconds_t answers_after_us = 20'000;

// Another process writes a byte some time after it was asked: the reader sleeps meanwhile.
void install_with_answers(int flags)
{
    install(flags);
    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (char c; read(asks[0], &c, 1) == 1;) {
        usleep(answers_after_us);
        if (write(pipe_ends[1], &c, 1) != 1)
            break;
    }
    _exit(0);
}

[[gnu::noinline]] void ask_and_read()
{
    char c = 'x';
    if (write(asks[1], &c, 1) != 1 || read(pipe_ends[0], &c, 1) != 1)
        failed = "not one byte was read";
}

[[gnu::noinline]] void wait_for_it()
{
    while (came == 0)
        pause();
}

[[gnu::noinline]] void wait_for_it_rightly()
{
    sigset_t block;
    sigset_t before;
    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &block, &before);
    while (came == 0)
        ppoll(nullptr, 0, nullptr, &before);
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

[[gnu::noinline]] void write_much()
{
    static char block[1 << 20];
    const int null = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (read(null, block, sizeof block) != static_cast<ssize_t>(sizeof block))
        failed = "a short read";
    close(null);
}

// All signals but the NMI's are closed while it sleeps, and so in the handler.
void install_that_opens()
{
    install(0);
    struct sigaction a {};
    a.sa_handler = [](int) {
        sigset_t child_end;
        sigemptyset(&child_end);
        sigaddset(&child_end, SIGCHLD);
        sigprocmask(SIG_UNBLOCK, &child_end, nullptr);
        came = 1;
    };
    sigaction(SIGRTMIN + 1, &a, nullptr);
}

[[gnu::noinline]] void wait_with_all_others_closed(bool by_sigsuspend)
{
    sigset_t block;
    sigset_t before;
    sigset_t but_one;
    sigfillset(&but_one);
    sigdelset(&but_one, SIGRTMIN + 1);
    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &block, &before);
    while (came == 0)
        by_sigsuspend ? sigsuspend(&but_one) : ppoll(nullptr, 0, nullptr, &but_one);
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

// The tracer, the explorer's other child, gets no CPU for a while. Who wakes it is nobody's child: the explored process has
// no sleeper of its own then.
void install_with_a_slow_tracer()
{
    install_that_opens();
    const std::string explorer = std::to_string(getppid());
    std::ifstream children("/proc/" + explorer + "/task/" + explorer + "/children");
    pid_t tracer = 0;
    while (children >> tracer && tracer == getpid()) {
    }
    kill(tracer, SIGSTOP);
    const pid_t between = fork();
    if (between != 0) {
        waitpid(between, nullptr, 0);
        return;
    }
    if (fork() == 0) {
        usleep(300'000);
        kill(tracer, SIGCONT);
    }
    _exit(0);
}

// A process that traces this one before the explorer's tracer asks: a thread has one at most.
void install_traced()
{
    install_plain();
    const pid_t me = getpid();
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const bool traced = ptrace(PTRACE_SEIZE, me, 0, 0) == 0;
        if (write(pipe_ends[1], traced ? "y" : "n", 1) != 1 || !traced)
            _exit(1);
        for (int status = 0; waitpid(me, &status, __WALL) == me && WIFSTOPPED(status);)
            ptrace(PTRACE_CONT, me, 0, WSTOPSIG(status));
        _exit(0);
    }
    char c = 'n';
    if (read(pipe_ends[0], &c, 1) != 1 || c != 'y')
        _exit(9);
}

void refuse_ptrace()
{
    sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(9);
}

sweep_report inside(function setup, function window)
{
    limits l;
    l.system_calls = true;
    sweep_report r = sweep(
        {.name = "call", .setup = setup, .prepare = prepare, .window = window, .broken = what_failed}, l);
    if (r.absent.ends_with("ENOSYS")) { // an emulator that has no ptrace
        std::fprintf(stderr, "skipped: %s\n", r.absent.c_str());
        std::_Exit(exit_code(r));
    }
    return r;
}

const call_cell* call_in(const sweep_report& r, const char* name, arrival when)
{
    const auto found = std::find_if(r.calls.begin(), r.calls.end(),
                                    [&](const call_cell& c) { return c.call == name && c.arrival == when; });
    return found == r.calls.end() ? nullptr : &*found;
}

/// Slower answers, until the signal came before one: the tracer of a busy machine gets its CPU late.
sweep_report read_asleep(function setup)
{
    for (answers_after_us = 20'000;; answers_after_us *= 5) {
        sweep_report r = inside(setup, ask_and_read);
        const call_cell* asleep = call_in(r, "read", arrival::asleep);
        if ((asleep != nullptr && !asleep->result.starts_with("returned")) || answers_after_us >= 500'000)
            return r;
    }
}

// Of both arrivals.
std::array<const call_cell*, 2> polls_in(const sweep_report& r)
{
    const std::array polls{call_in(r, "poll", arrival::pending), call_in(r, "poll", arrival::asleep)};
    REQUIRE(polls[0] != nullptr);
    REQUIRE(polls[1] != nullptr);
    return polls;
}

} // namespace

TEST_CASE("a poll that is not made again is found by its call site")
{
    const sweep_report r = inside(install_plain, poll_once);
    INFO(to_text(r, true));
    for (const call_cell* c : polls_in(r)) {
        CHECK(c->verdict == verdict::violation);
        CHECK(c->result == "EINTR");
        CHECK(c->what == "poll failed");
        CHECK(c->called_from.symbol.find("poll_once") != std::string::npos);
    }
    CHECK(r.count(verdict::violation) == 2);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a poll that is made again is clean")
{
    const sweep_report r = inside(install_plain, poll_again);
    INFO(to_text(r, true));
    CHECK(r.clean());
    CHECK(call_in(r, "poll", arrival::asleep) != nullptr);
}

TEST_CASE("a read is restarted with SA_RESTART, and fails without it")
{
    const sweep_report with = read_asleep([] { install_with_answers(SA_RESTART); });
    INFO(to_text(with, true));
    CHECK(with.clean());
    REQUIRE(call_in(with, "read", arrival::asleep) != nullptr);
    CHECK(call_in(with, "read", arrival::asleep)->result == "restarted");
    const sweep_report without = read_asleep([] { install_with_answers(0); });
    INFO(to_text(without, true));
    CHECK(exit_code(without) == 3);
    REQUIRE(call_in(without, "read", arrival::asleep) != nullptr);
    CHECK(call_in(without, "read", arrival::asleep)->result == "EINTR");
}

TEST_CASE("a signal that is pending when a read is entered makes it short")
{
    const sweep_report r = inside(install_plain, write_much);
    INFO(to_text(r, true));
    const call_cell* c = call_in(r, "read", arrival::pending);
    REQUIRE(c != nullptr);
    CHECK(c->verdict == verdict::violation);
    CHECK(c->what == "a short read");
    CHECK(c->result.starts_with("returned "));
    CHECK(call_in(r, "read", arrival::asleep) == nullptr);
}

TEST_CASE("a wake-up that is lost before pause() is a hang, and the ppoll form is clean")
{
    const sweep_report lost = inside(install_plain, wait_for_it);
    INFO(to_text(lost, true));
    CHECK(lost.count(verdict::hang) > 0);
    CHECK(lost.count(verdict::hang) < lost.boundaries.size());
    for (const sweep_cell& c : lost.cells)
        if (c.verdict == verdict::hang)
            CHECK(c.what.find("asleep in pause") != std::string::npos);
    const sweep_report right = inside(install_plain, wait_for_it_rightly);
    INFO(to_text(right, true));
    CHECK(right.clean());
}

TEST_CASE("a handler that came while all other signals were closed may meet a breakpoint")
{
    for (const function window : {function([] { wait_with_all_others_closed(true); }),
                                  function([] { wait_with_all_others_closed(false); })}) {
        const sweep_report r = inside(install_that_opens, window);
        INFO(to_text(r, true));
        CHECK(r.clean());
    }
}

TEST_CASE("a call whose tracer gets no CPU for a while is explored as any other")
{
    const sweep_report r = inside(install_with_a_slow_tracer, [] { wait_with_all_others_closed(true); });
    INFO(to_text(r, true));
    CHECK(r.clean());
}

TEST_CASE("who waits for a tracer that gets no CPU is not deadlocked, and who waits for one that sleeps is")
{
    const auto nobody_serves = [](void*) {
        static call_order order{};
        ask_for_nmi_in_call(order, gettid(), SIGRTMIN + 1, SYS_ppoll, 0, arrival::pending);
        return 0;
    };
    const auto never_sleeps = [](void*) -> int {
        for (;;)
            sched_yield();
    };
    const auto sleeps = [](void*) { return pause(); };
    const bool busy = GENERATE(true, false);
    const pid_t tracer = busy ? start_child(never_sleeps, nullptr) : start_child(sleeps, nullptr);
    progress alive{};
    alive.helper = tracer;
    const child_result end = watch_child(start_child(nobody_serves, nullptr), alive, 50'000'000);
    kill(tracer, SIGKILL);
    static_cast<void>(wait_child(tracer));
    CHECK(end.end == child_end::stuck);
    CHECK(end.state.starts_with(busy ? "no end: " : "deadlock: "));
}

TEST_CASE("calls that another tracer keeps from ours are not reached, not clean")
{
    const sweep_report r = inside(install_traced, poll_again);
    INFO(to_text(r, true));
    for (const call_cell* c : polls_in(r)) {
        CHECK(c->verdict == verdict::not_reached);
        CHECK(c->what == "the call cannot be traced: EPERM");
    }
    CHECK(exit_code(r) == 1);
}

TEST_CASE("where nothing can be traced nothing is tried inside system calls")
{
    const auto seen = nmisim::test::in_child(60, [] {
        refuse_ptrace();
        const sweep_report r = inside(install_plain, poll_again);
        return r.absent + ", exit code " + std::to_string(exit_code(r));
    });
    CHECK(seen.text == "system calls cannot be traced here, ptrace says EPERM, exit code 77");
}
