// SPDX-License-Identifier: MIT
#include "explore/watch/inside_call.hpp"

#include "explore/step/arch.hpp"
#include "explore/step/delivery.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/thread_state.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

enum order_state : std::uint32_t { order_idle, order_wanted, order_traced, order_over };

// Between processes, so not a private futex.
void sleep_while_order_is(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept
{
    arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT, static_cast<long>(value));
}

void change(call_order& o, order_state to) noexcept
{
    o.state.store(to, std::memory_order_release); // (1) release: the order, or its result; pairs with (2)
    arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&o.state), FUTEX_WAKE, 2);
}

std::uint32_t state_of_order(const call_order& o) noexcept
{
    return o.state.load(std::memory_order_acquire); // (2) acquire: the order, or its result; pairs with (1)
}

long trace(int request, const call_order& o, std::uintptr_t address = 0, std::uintptr_t data = 0) noexcept
{
    return arch::raw_system_call(SYS_ptrace, request, o.tid, static_cast<long>(address),
                                 static_cast<long>(data));
}

void raise_for(call_order& o) noexcept
{
    o.error = delivery::raise_in(o.pid, o.tid, o.signal);
    o.sent = o.error == 0;
}

// In the call, and still there when it is looked at again. False: it has stopped, so the call has an end.
bool sleeps_in_call(const call_order& o, int& status)
{
    constexpr unsigned looks = 3;
    std::uint64_t switches = 0;
    for (unsigned same = 0; same < looks;) {
        status = 0;
        if (waitpid(o.tid, &status, __WALL | WNOHANG) != 0)
            return false;
        const thread_state s = state_of(o.pid, o.tid);
        const bool asleep = s.letter == 'S' && s.system_call == o.nr;
        same = asleep && s.switches == switches ? same + 1 : 0;
        switches = s.switches;
        usleep(200);
    }
    return true;
}

// What to do with a thread that has stopped. False: it is no longer traced.
bool go_on(call_order& o, int status)
{
    const int signal = WSTOPSIG(status);
    if (signal != (SIGTRAP | 0x80)) {
        const bool of_ptrace = status >> 16 != 0;
        trace(PTRACE_SYSCALL, o, 0, of_ptrace ? 0 : static_cast<std::uintptr_t>(signal));
        return true;
    }
    __ptrace_syscall_info info{};
    if (trace(PTRACE_GET_SYSCALL_INFO, o, sizeof info, reinterpret_cast<std::uintptr_t>(&info)) <= 0) {
        o.error = EIO;
        trace(PTRACE_DETACH, o);
        return false;
    }
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && o.entered) {
        o.result = static_cast<long>(info.exit.rval);
        if (!o.sent && o.raise_anyway) {
            raise_for(o);
            o.sent = false;
        }
        trace(PTRACE_DETACH, o);
        return false;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && static_cast<long>(info.entry.nr) == o.nr &&
        info.instruction_pointer == o.at + arch::system_call_size()) {
        o.entered = true;
        if (o.when == arrival::pending)
            raise_for(o);
    }
    trace(PTRACE_SYSCALL, o);
    return true;
}

void serve(call_order& o)
{
    int status = 0;
    o.error = -static_cast<int>(trace(PTRACE_SEIZE, o, 0, PTRACE_O_TRACESYSGOOD));
    if (o.error != 0)
        return;
    trace(PTRACE_INTERRUPT, o);
    if (waitpid(o.tid, &status, __WALL) != o.tid || !WIFSTOPPED(status))
        return;
    trace(PTRACE_SYSCALL, o);
    change(o, order_traced);
    for (;;) {
        bool stopped = false;
        if (o.entered && o.when == arrival::asleep && !o.sent && o.error == 0) {
            if (sleeps_in_call(o, status))
                raise_for(o);
            else
                stopped = true;
        }
        if (!stopped && waitpid(o.tid, &status, __WALL) != o.tid)
            return;
        if (!WIFSTOPPED(status) || !go_on(o, status))
            return;
    }
}

int trace_calls(void* argument)
{
    call_order& o = *static_cast<call_order*>(argument);
    for (;;) {
        const std::uint32_t now = state_of_order(o);
        if (now != order_wanted) {
            sleep_while_order_is(o.state, now);
            continue;
        }
        serve(o);
        change(o, order_over);
    }
}

} // namespace

bool ask_for_nmi_in_call(call_order& o, int tid, int signal, long nr, std::uintptr_t at,
                         arrival when) noexcept
{
    o.pid = static_cast<int>(arch::raw_system_call(SYS_getpid));
    o.tid = tid;
    o.signal = signal;
    o.nr = nr;
    o.at = at;
    o.when = when;
    o.error = 0;
    o.entered = o.sent = false;
    o.result = 0;
    change(o, order_wanted);
    std::uint32_t now = 0;
    while ((now = state_of_order(o)) == order_wanted)
        sleep_while_order_is(o.state, order_wanted);
    return now == order_traced;
}

void wait_for_end_of(call_order& o) noexcept
{
    for (std::uint32_t now = 0; (now = state_of_order(o)) == order_wanted || now == order_traced;)
        sleep_while_order_is(o.state, now);
}

call_tracer::call_tracer(call_order& order, progress& alive) : pid_(start_child(trace_calls, &order))
{
    alive.helper.store(pid_, std::memory_order_relaxed); // before the explored process is forked
}

call_tracer::~call_tracer()
{
    kill(pid_, SIGKILL);
    static_cast<void>(wait_child(pid_));
}

std::string tracing_absent()
{
    const pid_t child = start_child([](void*) { return pause(); }, nullptr);
    call_order o{};
    o.tid = child;
    const auto refused = -static_cast<int>(trace(PTRACE_SEIZE, o, 0, PTRACE_O_TRACESYSGOOD));
    kill(child, SIGKILL);
    static_cast<void>(wait_child(child));
    return refused == 0
               ? std::string()
               : std::string("system calls cannot be traced here, ptrace says ") + strerrorname_np(refused);
}

void allow_tracer(const progress& alive) noexcept
{
    prctl(PR_SET_PTRACER, alive.helper.load(std::memory_order_relaxed)); // as above; unknown without Yama
}

std::string result_in_words(long result, bool restarted)
{
    constexpr long first_restart =
        512; // ERESTARTSYS and its siblings: the kernel's own, never seen by a program
    constexpr long last_restart = 516;
    if (restarted)
        return "restarted";
    if (-result >= first_restart && -result <= last_restart)
        return "EINTR";
    if (result < 0 && result > -4096) {
        const char* name = strerrorname_np(static_cast<int>(-result));
        return name != nullptr ? name : "errno " + std::to_string(-result);
    }
    return "returned " + std::to_string(result);
}

} // namespace nmisim::explore
