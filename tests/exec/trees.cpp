// SPDX-License-Identifier: MIT
//
// Programs that are more than one thread.
#include "fixtures.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace fixture {

namespace {

void tell(const char* what, int value)
{
    char text[64];
    std::snprintf(text, sizeof text, "%s %d\n", what, value);
    say(text);
}

__attribute__((noinline)) pid_t vfork_true()
{
    const pid_t child = vfork();
    if (child == 0) {
        for (int s = 1; s <= SIGRTMAX; ++s)
            signal(s, SIG_DFL);
        execl("/bin/true", "true", nullptr);
        _exit(1);
    }
    return child;
}

/// Executes another program the way python, git and make do: the child resets every handler first, and takes its time.
int spawner(int, char** /*argv*/)
{
    int failed = 0;
    for (const double end = seconds() + long_enough; seconds() < end;) {
        char name[] = "/bin/true";
        char* const words[] = {name, nullptr};
        pid_t child = fork();
        if (child == 0) {
            for (int s = 1; s <= SIGRTMAX; ++s)
                signal(s, SIG_DFL);
            for (const double until = seconds() + 0.02; seconds() < until;) {
            }
            execv(name, words);
            _exit(1);
        }
        failed += wait_for(child) != 0 ? 1 : 0;
        child = vfork_true();
        failed += wait_for(child) != 0 ? 1 : 0;
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        sigset_t all;
        sigfillset(&all);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        failed += posix_spawn(&child, name, nullptr, &attributes, words, environ) != 0 || wait_for(child) != 0
                      ? 1
                      : 0;
        posix_spawnattr_destroy(&attributes);
    }
    tell("failed", failed);
    return 0;
}

int forks(int argc, char** argv)
{
    int failed = 0;
    for (int i = argc > 0 ? std::atoi(argv[0]) : 300; i > 0; --i) {
        const pid_t child = fork();
        if (child == 0)
            _exit(0);
        failed += child < 0 || wait_for(child) != 0 ? 1 : 0;
    }
    tell("failed", failed);
    return 0;
}

int threads(int, char**)
{
    int rounds = 0;
    for (const double end = seconds() + long_enough; seconds() < end; rounds = 1) {
        std::vector<std::thread> all;
        for (int i = 0; i < 4; ++i)
            all.emplace_back([] { sleep_on(0.01); });
        for (std::thread& t : all)
            t.join();
    }
    tell("rounds", rounds);
    return 0;
}

/// Leaves a process behind that would not end.
int daemon_left_behind(int, char**)
{
    if (fork() == 0) {
        setsid();
        sleep_on(1e6);
    }
    sleep_on(long_enough);
    say("gone\n");
    return 0;
}

/// Traces a child of its own, which can have one tracer alone.
int tracer(int, char**)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
    tell("traced", wait_for(child));
    sleep_on(long_enough);
    return 0;
}

/// A program that is looked for in places where it is not.
int path_search(int, char**)
{
    setenv("PATH", "/nowhere:/nor/here:/usr/bin:/bin", 1);
    for (const double end = seconds() + long_enough; seconds() < end;) {
        const pid_t child = fork();
        if (child == 0) {
            execlp("no-such-program-anywhere", "no-such-program-anywhere", nullptr);
            execlp("true", "true", nullptr);
            _exit(1);
        }
        if (wait_for(child) != 0)
            say("failed\n");
    }
    return 0;
}

/// Another thread than the first executes a program.
int exec_by_thread(int, char**)
{
    std::thread([] { execlp("sh", "sh", "-c", "sleep 0.3; echo executed", nullptr); }).join();
    say("failed\n");
    return 1;
}

/// Stops and goes on, and its parent sees both.
int stops(int, char**)
{
    auto* const went_on = static_cast<volatile int*>(
        mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t child = fork();
    if (child == 0) {
        std::raise(SIGSTOP);
        *went_on = 1;
        sleep_on(long_enough);
        _exit(7);
    }
    int status = 0;
    while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
    say(WIFSTOPPED(status) ? "stopped\n" : "not stopped\n");
    sleep_on(0.2);
    say(*went_on == 0 ? "and stays so\n" : "and goes on by itself\n");
    kill(child, SIGCONT);
    while (waitpid(child, &status, WCONTINUED) < 0 && errno == EINTR) {
    }
    say(WIFCONTINUED(status) ? "continued\n" : "not continued\n");
    tell("status", WEXITSTATUS(wait_for(child)));
    return 0;
}

void spin(double for_seconds)
{
    for (const double until = seconds() + for_seconds; seconds() < until;) {
    }
}

constexpr int moments = 60;

/// Executes a program that sleeps, and is sent a signal around that moment.
pid_t signalled_at_exec(int moment, int signal)
{
    const pid_t child = fork();
    if (child == 0) {
        execlp("sleep", "sleep", "1000000", nullptr);
        _exit(1);
    }
    spin(0.0002 * moment);
    kill(child, signal);
    return child;
}

/// A TERM that comes around an exec kills whoever executes.
int term_at_exec(int, char**)
{
    int survived = 0;
    for (int i = 0; i < moments; ++i)
        survived += WTERMSIG(wait_for(signalled_at_exec(i, SIGTERM))) == SIGTERM ? 0 : 1;
    tell("survived", survived);
    return 0;
}

/// A STOP, which cannot be masked, stops it.
int stop_at_exec(int, char**)
{
    int went_on = 0;
    for (int i = 0; i < moments; ++i) {
        const pid_t child = signalled_at_exec(i, SIGSTOP);
        int status = 0;
        while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR) {
        }
        went_on += WIFSTOPPED(status) ? 0 : 1;
        kill(child, SIGKILL);
        wait_for(child);
    }
    tell("went on", went_on);
    return 0;
}

/// Kills a process that does nothing but fork, and waits until its children have ended as well.
int parent_killed(int, char**)
{
    constexpr int rounds = 20;
    for (int i = 0; i < rounds; ++i) {
        int ends[2];
        if (pipe(ends) != 0)
            return 98;
        const pid_t parent = fork();
        if (parent == 0) {
            signal(SIGCHLD, SIG_IGN);
            while (fork() != 0) {
            }
            _exit(0);
        }
        close(ends[1]);
        spin(0.002 + 0.0003 * i);
        kill(parent, SIGKILL);
        wait_for(parent);
        char none = 0;
        while (read(ends[0], &none, 1) < 0 && errno == EINTR) {
        }
        close(ends[0]);
    }
    say("all ended\n");
    return 0;
}

/// So many children, each with one call that has a number.
int children_read(int argc, char** argv)
{
    const int fd = open("/dev/null", O_RDONLY);
    for (int i = argc > 0 ? std::atoi(argv[0]) : 0; i > 0; --i) {
        const pid_t child = fork();
        if (child == 0) {
            char none = 0;
            _exit(read(fd, &none, 1) == 0 ? 0 : 1);
        }
        if (wait_for(child) != 0)
            say("failed\n");
    }
    return 0;
}

/// What becomes of that call from now on, also in what is executed. Below 0: it failed.
long filter_call(unsigned call, unsigned becomes, unsigned flags = 0)
{
    sock_filter filter[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call},
        {BPF_RET | BPF_K, 0, 0, becomes},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{4, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
               ? -1
               : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/// Executes nmi-sim where nobody answers a getppid(2), and terminates it at the first: `terminates_who_asks NMI-SIM ARGUMENT...`.
int terminates_who_asks(int, char** argv)
{
    constexpr int most_ms = 60'000;
    const int listener = dup(0);
    close(listener); // the next number
    const auto child =
        static_cast<pid_t>(syscall(SYS_clone, CLONE_FILES | CLONE_VFORK | SIGCHLD, nullptr, 0, 0, 0));
    if (child == 0) {
        if (filter_call(SYS_getppid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER) == listener)
            execv(argv[0], argv);
        _exit(97);
    }
    pollfd asked{listener, POLLIN, 0};
    poll(&asked, 1, most_ms);
    kill(child, SIGTERM);
    int status = 0;
    for (const double end = seconds() + most_ms / 1000; waitpid(child, &status, WNOHANG) == 0;) {
        sleep_on(0.01);
        if (seconds() > end)
            kill(child, SIGKILL);
    }
    tell("asked", asked.revents == POLLIN);
    tell("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

/// Executes lets_in, which maps no memory, with a signal pending if one comes: `executes_with_pending STATIC_FIXTURE`.
int executes_with_pending(int argc, char** argv)
{
    constexpr double most = 3;
    sleep_on(long_enough);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    sigset_t pending;
    sigemptyset(&pending);
    for (const double end = seconds() + most; sigisemptyset(&pending) != 0 && seconds() < end;)
        sigpending(&pending);
    if (argc > 0 && filter_call(SYS_mmap, SECCOMP_RET_ERRNO | EPERM) == 0)
        execl(argv[0], argv[0], "lets_in", nullptr);
    return 98;
}

int lets_in(int, char**)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    say("lives\n");
    return 0;
}

} // namespace

const entry trees[] = {{"spawner", spawner},
                       {"forks", forks},
                       {"threads", threads},
                       {"daemon_left_behind", daemon_left_behind},
                       {"tracer", tracer},
                       {"path_search", path_search},
                       {"exec_by_thread", exec_by_thread},
                       {"stops", stops},
                       {"term_at_exec", term_at_exec},
                       {"stop_at_exec", stop_at_exec},
                       {"parent_killed", parent_killed},
                       {"children_read", children_read},
                       {"executes_with_pending", executes_with_pending},
                       {"lets_in", lets_in},
                       {"terminates_who_asks", terminates_who_asks},
                       {nullptr, nullptr}};

} // namespace fixture
