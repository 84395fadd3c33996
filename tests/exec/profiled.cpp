// SPDX-License-Identifier: MIT
//
// Programs to be profiled: `exec-profiled NAME [SECONDS]`. They know how they have spent their CPU time, and say so.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Extern, so that their names are the same in each build.
extern "C" {
void work_hot(double seconds);
void work_warm(double seconds);
void work_cold(double seconds);
void work_rounds(double seconds);
void chain_outer(double seconds);
void chain_middle(double seconds);
int chain_compare(const void* a, const void* b);
void count_hot(unsigned millions);
void count_warm(unsigned millions);
void count_cold(unsigned millions);
}

namespace {

double thread_seconds()
{
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

volatile unsigned sink;
double spent[3];

// A CPU of a virtual machine stops now and then, and its clocks, this thread's too, go on. No sampler sees such a time: where a
// burst of some 50 us took this long, it is not counted as spent.
constexpr double stopped_from = 0.003;

// In the caller's own code, so that it is the caller that is sampled.
#define BURN(which, seconds)                                                                                 \
    const double begin = thread_seconds();                                                                   \
    double now = begin;                                                                                      \
    while (now - begin < (seconds)) {                                                                        \
        const double before = now;                                                                           \
        for (unsigned i = 0; i < 100'000; ++i)                                                               \
            sink = sink + i;                                                                                 \
        now = thread_seconds();                                                                              \
        spent[which] += now - before < stopped_from ? now - before : 0;                                      \
    }

} // namespace

[[gnu::noinline]] void work_hot(double seconds)
{
    BURN(0, seconds);
}
[[gnu::noinline]] void work_warm(double seconds)
{
    BURN(1, seconds);
}
[[gnu::noinline]] void work_cold(double seconds)
{
    BURN(2, seconds);
}

[[gnu::noinline]] void work_rounds(double seconds)
{
    constexpr double round = 0.02;
    for (const double end = thread_seconds() + seconds; thread_seconds() < end;) {
        work_hot(0.6 * round);
        work_warm(0.3 * round);
        work_cold(0.1 * round);
    }
}

// Three that call each other; with room for locals, so that nothing but rules leads from one to the next. The last is called by the
// C library, which has no frame pointers.
double chain_seconds;

int chain_compare(const void* a, const void* b)
{
    work_hot(chain_seconds);
    return *static_cast<const char*>(a) - *static_cast<const char*>(b);
}
[[gnu::noinline]] void chain_middle(double seconds)
{
    volatile char room[200];
    room[0] = 2;
    room[1] = 1;
    chain_seconds = seconds;
    std::qsort(const_cast<char*>(room), 2, 1, chain_compare);
    sink = sink + room[0];
}
[[gnu::noinline]] void chain_outer(double seconds)
{
    volatile double half = seconds / 2;
    chain_middle(half);
    chain_middle(seconds - half);
    sink = sink + 1;
}

// The same work in each run, for measurements: what a profile costs is seen in its CPU time.
#define COUNT(millions)                                                                                      \
    for (unsigned long i = 0; i < (millions)*1'000'000ul; ++i)                                               \
    sink = sink + 1

[[gnu::noinline]] void count_hot(unsigned millions)
{
    COUNT(millions);
}
[[gnu::noinline]] void count_warm(unsigned millions)
{
    COUNT(millions);
}
[[gnu::noinline]] void count_cold(unsigned millions)
{
    COUNT(millions);
}

namespace {

int counts(double rounds)
{
    for (double i = 0; i < rounds; ++i) {
        count_hot(6);
        count_warm(3);
        count_cold(1);
    }
    return 0;
}

int wait_all()
{
    int failed = 0;
    int status = 0;
    while (wait(&status) > 0 || errno == EINTR)
        failed += status != 0 ? 1 : 0;
    return failed;
}

int split(double seconds)
{
    work_rounds(seconds);
    const double all = spent[0] + spent[1] + spent[2];
    std::printf("%.2f %.2f %.2f\n", 100 * spent[0] / all, 100 * spent[1] / all, 100 * spent[2] / all);
    return 0;
}

int chain(double seconds)
{
    chain_outer(seconds);
    return spent[0] > 0 ? 0 : 1;
}

/// At work, asleep, at work.
int pauses(double seconds)
{
    work_hot(seconds / 2);
    poll(nullptr, 0, 300);
    work_hot(seconds / 2);
    return 0;
}

int threads(double seconds)
{
    std::thread hot(work_hot, seconds);
    std::thread warm(work_warm, seconds / 2);
    hot.join();
    warm.join();
    return 0;
}

int forks(double seconds)
{
    for (int i = 0; i < 3; ++i)
        if (fork() == 0) {
            work_hot(seconds);
            _exit(0);
        }
    return wait_all();
}

/// A search through PATH whose first tries fail, by a thread of its own, and by vfork.
int executes(double seconds, const char* self)
{
    char text[32];
    std::snprintf(text, sizeof text, "%g", seconds);
    const auto become = [&] {
        execl("/nonexistent/program", "none", nullptr);
        execl("/nonexistent/other", "none", nullptr);
        execl(self, self, "split", text, nullptr);
        _exit(97);
    };
    if (fork() == 0) {
        work_cold(0.05);
        become();
    }
    if (fork() == 0) {
        std::thread(become).join();
        _exit(96);
    }
    if (vfork() == 0)
        become();
    return wait_all();
}

/// Short ones, one at a time: a number that is free is used again.
int turns(double seconds)
{
    constexpr int children = 20;
    for (int i = 0; i < children; ++i) {
        if (fork() == 0) {
            (i % 2 == 0 ? work_hot : work_warm)(seconds / children);
            _exit(0);
        }
        if (wait_all() != 0)
            return 1;
    }
    return 0;
}

/// Itself, so often, in turn by its first thread and by another.
int again(double times, const char* self)
{
    if (times < 1)
        return 0;
    char text[32];
    std::snprintf(text, sizeof text, "%g", times - 1);
    const auto become = [&] { execl(self, self, "again", text, nullptr); };
    work_hot(0.001);
    if (static_cast<int>(times) % 2 == 0)
        become();
    std::thread(become).join();
    return 97;
}

/// An execve that fails, and nothing after it: the process lives on.
int fails_to_execute(double seconds)
{
    execl("/nonexistent/program", "none", nullptr);
    work_hot(seconds);
    return 0;
}

/// A debugger, and a program that it starts.
int debugs(double seconds, const char* self)
{
    char text[32];
    std::snprintf(text, sizeof text, "%g", seconds);
    const pid_t child = fork();
    if (child == 0) {
        work_cold(0.05);
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        execl(self, self, "split", text, nullptr);
        _exit(97);
    }
    int status = 0;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        const int signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        ptrace(PTRACE_CONT, child, nullptr, signal);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 95;
}

int blocks(double seconds)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    work_hot(seconds);
    // Nobody has sent a signal that could be waited for.
    const timespec moment{0, 10'000'000};
    if (sigtimedwait(&all, nullptr, &moment) >= 0)
        return 1;
    work_hot(0.01);
    return 0;
}

int sleeps(double seconds)
{
    usleep(static_cast<useconds_t>(seconds * 1e6));
    return 0;
}

/// How often a call was interrupted.
int interrupted(double seconds)
{
    int failed = 0;
    for (const double end = thread_seconds() + seconds; thread_seconds() < end;) {
        work_hot(0.0005);
        failed += poll(nullptr, 0, 1) < 0 ? 1 : 0;
        const timespec moment{0, 100'000};
        failed += nanosleep(&moment, nullptr) != 0 ? 1 : 0;
    }
    std::printf("%d interrupted\n", failed);
    return 0;
}

/// Resets each handler, as who is about to execute another program does.
int resets(double seconds)
{
    for (int s = 1; s < SIGRTMAX; ++s)
        signal(s, SIG_DFL);
    work_hot(seconds);
    std::array<unsigned long, 4> mine{1, 1, 1,
                                      1}; // the kernel's form: the C library's own copy may be 0 by chance
    syscall(SYS_rt_sigaction, SIGSTKFLT, nullptr, mine.data(), 8);
    return mine == std::array<unsigned long, 4>{} ? 0 : 1;
}

/// Children that are killed while they work.
int kills(double seconds)
{
    for (const double end = thread_seconds() + seconds; thread_seconds() < end;) {
        const pid_t child = fork();
        if (child == 0)
            work_hot(60);
        work_warm(0.01);
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            return 1;
    }
    return 0;
}

/// Left behind, at work.
int leaves_behind(double)
{
    if (fork() == 0) {
        setsid();
        for (int fd = 0; fd < 3; ++fd)
            close(fd);
        work_hot(600);
    }
    work_warm(0.1);
    return 0;
}

/// Its frame pointer leads to a frame that was never made.
int goes_astray(double seconds)
{
#ifdef __x86_64__
    unsigned long frame[2] = {0, 0x1234567890};
    for (const double end = thread_seconds() + seconds; thread_seconds() < end;)
        asm volatile("push %%rbp; mov %0, %%rbp; mov $1000000, %%ecx; 1: dec %%ecx; jnz 1b; pop %%rbp"
                     :
                     : "r"(frame)
                     : "rcx", "cc", "memory");
#else
    work_hot(seconds);
#endif
    return 0;
}

int keeps_errno(double seconds)
{
    errno = 4711;
    for (const double end = thread_seconds() + seconds; thread_seconds() < end && errno == 4711;)
        for (unsigned i = 0; i < 100'000; ++i)
            sink = sink + i;
    return errno == 4711 ? 0 : 1;
}

/// A container: perf_event_open fails with that errno, for what is executed here; or only where it asks for a CPU.
int refuses_perf(int error, bool only_of_cpus, char** command)
{
    constexpr unsigned any_cpu = ~0U;
    sock_filter filter[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_perf_event_open},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)},
        {BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned char>(only_of_cpus ? 1 : 0), 0, any_cpu},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 98;
    execv(command[0], command);
    return 97;
}

} // namespace

int main(int argc, char** argv)
{
    const char* const name = argc > 1 ? argv[1] : "";
    const double seconds = argc > 2 ? std::atof(argv[2]) : 0.5;
    const auto is = [&](const char* other) { return std::strcmp(name, other) == 0; };
    if ((is("refuses_perf") || is("refuses_perf_of_cpus")) && argc > 3)
        return refuses_perf(std::atoi(argv[2]), is("refuses_perf_of_cpus"), argv + 3);
    if (is("executes"))
        return executes(seconds, argv[0]);
    if (is("again"))
        return again(seconds, argv[0]);
    if (is("debugs"))
        return debugs(seconds, argv[0]);
    struct {
        const char* name;
        int (*run)(double);
    } const all[] = {{"split", split},
                     {"counts", counts},
                     {"chain", chain},
                     {"pauses", pauses},
                     {"threads", threads},
                     {"forks", forks},
                     {"turns", turns},
                     {"blocks", blocks},
                     {"sleeps", sleeps},
                     {"interrupted", interrupted},
                     {"resets", resets},
                     {"kills", kills},
                     {"leaves_behind", leaves_behind},
                     {"keeps_errno", keeps_errno},
                     {"fails_to_execute", fails_to_execute},
                     {"goes_astray", goes_astray}};
    for (const auto& one : all)
        if (is(one.name))
            return one.run(seconds);
    return 98;
}
