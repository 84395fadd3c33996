// SPDX-License-Identifier: MIT
#include "explore/watch/child.hpp"

#include "base/clock.hpp"
#include "explore/place/places.hpp"
#include "explore/watch/thread_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <system_error>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

constexpr int look_every_ms = 5;
constexpr unsigned looks_for_standstill = 6;
constexpr int unknown_exit_code = -1;

// Frames that only say how the explorer got there.
bool of_the_explorer(const std::string& symbol)
{
    return symbol.starts_with("nmisim::explore::stepped_thread") ||
           symbol.starts_with("nmisim::explore::(anonymous namespace)::") ||
           symbol.starts_with("nmisim_call_stepped");
}

// What all its threads do, or those that `alive` names.
struct standing {
    std::string in_words; ///< state and call chain of each
    std::string chain;    ///< functions alone, of the handler where one is under way
};

void add_chain(standing& s, places& names, const std::vector<std::uintptr_t>& frames)
{
    const char* separator = ": ";
    std::size_t named = 0;
    bool in_handler = true;
    for (const std::uintptr_t ip : frames) {
        const place& where = names.of(ip);
        const std::string name = name_of(where);
        // libc's return from a signal has no name in its file; the frame below it was interrupted anywhere.
        in_handler = in_handler && !where.symbol.empty() && where.symbol != "__restore_rt";
        if (of_the_explorer(name))
            continue;
        s.in_words += separator + name;
        if (in_handler)
            s.chain += separator + where.symbol;
        separator = " < ";
        if (++named == 16)
            break;
    }
}

standing standing_of(pid_t pid, const progress& alive)
{
    const auto matters = [&](int tid) {
        const auto is = [](const std::atomic<int>& one, int n) {
            return one.load(std::memory_order_relaxed) == n; // the child is stuck
        };
        return is(alive.tid[0], 0) || is(alive.tid[0], tid) || is(alive.tid[1], tid) || is(alive.tid[2], tid);
    };
    standing all;
    for (const int process : family_of(pid)) {
        places names(maps_of(process));
        for (const int tid : threads_of(process)) {
            if (!matters(tid))
                continue;
            const thread_state s = state_of(process, tid);
            if (!all.in_words.empty())
                all.in_words += "; ";
            all.in_words += s.in_words();
            all.chain += s.asleep() ? "asleep" : "busy";
            add_chain(all, names, stack_of(process, tid));
        }
    }
    return all;
}

child_result kill_stuck(pid_t pid)
{
    for (const int process : family_of(pid)) // and the processes that it has started: nothing else ends them
        kill(process, SIGKILL);
    child_result r = wait_child(pid);
    r.end = child_end::stuck;
    return r;
}

// Of the whole process, including threads that have ended. 0: not known.
std::uint64_t cpu_ns_of(pid_t pid)
{
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return to_ns(used);
}

// More time between two looks says nothing of the child: the watcher has been kept from looking, too.
constexpr std::uint64_t most_between_looks_ns = 50'000'000;

// CPU time of a process and its descendants since the last sign of life. A hypervisor that gives this system no processor
// for a while books that on whoever ran.
class cpu_time {
public:
    void look(pid_t pid)
    {
        for (const int process : family_of(pid))
            look_at(process);
    }
    /// True when the process itself has run for most of the time since the last look. Its CPU clock says so at once; /proc takes a
    /// dozen files.
    bool has_run(pid_t pid)
    {
        constexpr std::uint64_t most_of_it_ns = look_every_ms * 1'000'000 / 2;
        return look_at(pid) > most_of_it_ns;
    }
    std::uint64_t ns() const noexcept { return spent_ns_; }

private:
    std::uint64_t look_at(pid_t process)
    {
        const std::uint64_t now = cpu_ns_of(process);
        std::uint64_t& last = last_.try_emplace(process, now).first->second;
        const std::uint64_t since = now > last ? std::min(now - last, most_between_looks_ns) : 0;
        last = now;
        spent_ns_ += since;
        return since;
    }

    std::uint64_t spent_ns_ = 0;
    std::unordered_map<pid_t, std::uint64_t> last_;
};

// Real time for which all slept, of which a stop by job control, child and
// watcher alike, is no part.
class sleeping_time {
public:
    void look(bool asleep) noexcept
    {
        const std::uint64_t now = now_ns();
        if (asleep)
            slept_ns_ += std::min(now - last_, most_between_looks_ns);
        last_ = now;
    }
    std::uint64_t ns() const noexcept { return slept_ns_; }

private:
    std::uint64_t last_ = now_ns();
    std::uint64_t slept_ns_ = 0;
};

/// Ends a wait when the child ends, where the kernel has pidfd_open (Linux 5.3); otherwise a wait is a sleep.
class child_handle {
public:
    explicit child_handle(pid_t pid) : fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}
    ~child_handle()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    child_handle(const child_handle&) = delete;
    child_handle& operator=(const child_handle&) = delete;

    void wait_until_next_look() const
    {
        pollfd wait_for{fd_, POLLIN, 0};
        ::poll(&wait_for, fd_ >= 0 ? 1 : 0, look_every_ms);
    }

private:
    int fd_;
};

/// It stays for wait_child(), except where SIGCHLD is ignored.
bool has_ended(pid_t pid)
{
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno == ECHILD;
    return info.si_pid == pid;
}

void say(const char* text) noexcept
{
    static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text))); // stdio's lock may be held for ever
}

// An exception must not leave the fork: the child would go on in the parent's program.
int exit_code_of(int (*body)(void*), void* argument) noexcept
{
    try {
        return body(argument);
    } catch (const stopped&) { // its parent says so
    } catch (const std::exception& e) {
        say("an exploring process ends: ");
        say(e.what());
        say("\n");
    } catch (...) {
        say("an exploring process ends: an exception that is no std::exception\n");
    }
    return 1;
}

// What ended the child before its body returned.
child_result with_stage(child_result r, const progress& alive)
{
    r.stage_at_end = alive.stage.load(std::memory_order_relaxed); // its writer has ended
    const bool exited = r.end == child_end::finished || r.end == child_end::failed;
    if (exited && r.code != unknown_exit_code && r.stage_at_end != child_stage::untold &&
        r.stage_at_end != child_stage::over)
        r.end = child_end::left;
    return r;
}

void tell_and_release(const held_watch& held, const progress& alive)
{
    held.tell({held.order.pid,
               alive.tid[0].load(std::memory_order_relaxed), // they were set before it was held
               alive.tid[1].load(std::memory_order_relaxed), alive.tid[2].load(std::memory_order_relaxed)});
    held.order.release();
}

bool asked_to_stop()
{
    return stop_asked.load(std::memory_order_relaxed); // nothing was written that this thread reads
}

} // namespace

pid_t start_child(int (*body)(void*), void* argument, progress* alive)
{
    if (alive != nullptr)
        alive->stage.store(child_stage::starting, std::memory_order_relaxed); // before the fork
    std::fflush(nullptr); // or the child would print the parent's buffer again
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0)
        throw std::system_error(errno, std::generic_category(), "fork of the exploring process");
    if (pid != 0)
        return pid;
    stop_asked.store(false, std::memory_order_relaxed); // the parent's; one thread only
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    const rlimit no_core{0, 0}; // crashes are findings here, not something to debug
    setrlimit(RLIMIT_CORE, &no_core);
    for (const int fatal :
         {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, // a test framework's handlers would report here
          SIGINT, SIGTERM})                         // and the parent's would let it go on
        signal(fatal, SIG_DFL);
    const int code = exit_code_of(body, argument);
    if (alive != nullptr)
        alive->stage.store(child_stage::over,
                           std::memory_order_relaxed); // read after the end of this process
    _exit(code);
}

child_result wait_child(pid_t pid)
{
    int status = 0;
    pid_t waited = 0;
    while ((waited = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
    }
    child_result r;
    if (waited != pid) {
        r.end = child_end::failed;
        r.code = unknown_exit_code;
    } else if (WIFSIGNALED(status)) {
        r.end = child_end::crashed;
        r.code = WTERMSIG(status);
    } else {
        r.code = WEXITSTATUS(status);
        r.end = r.code == 0 ? child_end::finished : child_end::failed;
    }
    return r;
}

child_result wait_child_or_stop(pid_t pid)
{
    const child_handle child(pid);
    while (!has_ended(pid) && !asked_to_stop())
        child.wait_until_next_look();
    if (!has_ended(pid))
        kill(pid, SIGKILL);
    return wait_child(pid);
}

child_result watch_child(pid_t pid, const progress& alive, std::uint64_t watchdog_ns, const held_watch* held)
{
    const child_handle child(pid);
    standstill still;
    // a sign of life, orders nothing; another number, so that the first look is one, too
    std::uint64_t seen = alive.runs.load(std::memory_order_relaxed) - 1;
    sleeping_time slept;
    cpu_time used;
    for (;;) {
        child.wait_until_next_look();
        if (asked_to_stop()) {
            static_cast<void>(kill_stuck(pid));
            throw stopped{};
        }
        if (has_ended(pid))
            return with_stage(wait_child(pid), alive);
        if (held != nullptr && held->order.is_held()) {
            tell_and_release(*held, alive);
            slept.look(false); // what was held did not sleep
            continue;
        }
        const std::uint64_t now_seen = alive.runs.load(std::memory_order_relaxed);
        if (now_seen != seen) {
            seen = now_seen;
            slept = {};
            used = {};
            static_cast<void>(used.has_run(pid)); // from here on
            still = {};
            continue;
        }
        activity now = activity::running;
        if (used.has_run(pid)) {
            still = {};
        } else {
            const int helper = alive.helper.load(std::memory_order_relaxed); // set before the child began
            now = still.look(pid, looks_for_standstill, helper);
            used.look(pid);
        }
        slept.look(now != activity::running);
        const bool only_time_tells = now != activity::for_ever;
        if (only_time_tells && used.ns() < watchdog_ns && slept.ns() < 10 * watchdog_ns)
            continue;
        standing s = standing_of(pid, alive);
        child_result r = kill_stuck(pid);
        r.state = (only_time_tells ? "no end: " : "deadlock: ") + s.in_words;
        r.chain = only_time_tells ? std::move(s.chain) : std::string();
        return with_stage(std::move(r), alive);
    }
}

std::string in_words(const child_result& r)
{
    switch (r.end) {
    case child_end::finished: return "exit code 0";
    case child_end::left: return "ended the process, exit code " + std::to_string(r.code);
    case child_end::failed:
        return r.code == unknown_exit_code ? "how the process ended is not known: SIGCHLD is ignored"
                                           : "exit code " + std::to_string(r.code);
    case child_end::crashed: return "killed by " + describe_signal(r.code);
    case child_end::stuck: return r.state;
    }
    return {};
}

std::string describe_signal(int signal)
{
    if (signal >= SIGRTMIN && signal <= SIGRTMAX)
        return signal == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
    const char* name = sigabbrev_np(signal);
    return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

} // namespace nmisim::explore
