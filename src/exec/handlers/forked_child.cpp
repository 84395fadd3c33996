// SPDX-License-Identifier: MIT
#include "exec/handlers/forked_child.hpp"

#include "base/clock.hpp"
#include "exec/trace/guard.hpp"
#include "exec/trace/memory.hpp"
#include "exec/trace/remote_call.hpp"
#include "exec/trace/stop.hpp"
#include "exec/trace/wake_ups.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <utility>

#include <linux/sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::uint64_t look_again_ns = 100'000'000;

void end_traced(pid_t pid)
{
    int status = 0;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
    }
}

/// The thread's number, which the C library keeps, is the child's.
void write_thread_id(pid_t child, std::uintptr_t at, long number)
{
    constexpr std::uint64_t low_half = 0xffff'ffff;
    const auto word = at == 0 ? std::nullopt : read_word(child, at);
    if (word)
        write_word(child, at, (*word & ~low_half) | static_cast<std::uint64_t>(number));
}

} // namespace

forked_child::forked_child(const task& from, const forkable& how, const run_means& means) : means_(means)
{
    remote_calls parent(from);
    const long number = parent.call(SYS_clone, {CLONE_PARENT | SIGCHLD, 0, 0, 0, 0, 0});
    int status = 0;
    if (number <= 0 || waitpid(parent.born(), &status, __WALL) != parent.born() || !WIFSTOPPED(status)) {
        result_.why_not = "no child could be forked there";
        return;
    }
    child_.tid = parent.born();
    child_.in = std::make_shared<process>(*from.in);
    child_.in->tgid = child_.tid;
    write_thread_id(child_.tid, how.thread_id_at, number);
    remote_calls calls(child_.tid, parent);
    if (calls.call(SYS_setsid, {}) != number)
        result_.why_not = "its child could not be made a process of its own";
    place_ = calls.place();
    mask_ = calls.mask();
}

forked_child::~forked_child()
{
    if (child_.tid > 0)
        end_traced(child_.tid);
}

// It is stopped with the signal of a step, in whose place another one can be given: it comes before the next instruction, or
// stays pending where it is blocked.
void forked_child::start(int signal)
{
    deadline_ns_ = now_ns() + means_.timeout_ns;
    before_ = means_.output.so_far();
    signal_ = signal;
    if (child_.tid == 0 || !result_.why_not.empty())
        return;
    if (signal != 0) {
        put_in_place(child_.tid, signal);
        if ((mask_ >> (signal - 1) & 1) == 0)
            result_.state = placed_signal::state::delivered;
    }
    resume(signal);
}

void forked_child::resume(int signal) const
{
    ptrace(child_.changed_argument >= 0 ? PTRACE_SYSCALL : PTRACE_CONT, child_.tid, nullptr, signal);
}

void forked_child::take(int status)
{
    const stop s = stop_of(child_.tid, status);
    switch (s.kind) {
    case stop_kind::ended:
        result_.what.status = status;
        child_.tid = 0;
        return;
    case stop_kind::signal: take_signal(s.signal); return;
    case stop_kind::birth:
        end_traced(static_cast<pid_t>(s.message));
        result_.why_not = "its fork has children or threads";
        return;
    case stop_kind::exec: result_.why_not = "its fork executes a program"; return;
    case stop_kind::group_stop: result_.why_not = "its fork stops"; return;
    case stop_kind::guarded_call: {
        bool own_handler = false;
        guard_call(child_, means_.signal, own_handler);
        break;
    }
    case stop_kind::call_exit: put_argument_back(child_); break;
    case stop_kind::call_entry:
    case stop_kind::trap:
    case stop_kind::other: break;
    }
    resume(0);
}

void forked_child::take_signal(int number)
{
    saved_registers r{};
    using enum placed_signal::state;
    if (number == signal_ && result_.state == blocked && read_registers(child_.tid, r))
        result_.state = interrupted_by(r).ip == place_ ? delivered : elsewhere;
    resume(number);
}

forked_run forked_child::finish(const aspects& compared)
{
    while (child_.tid > 0 && result_.why_not.empty()) {
        int status = 0;
        const pid_t got = waitpid(child_.tid, &status, __WALL | WNOHANG);
        if (got == child_.tid) {
            take(status);
            continue;
        }
        result_.stopped = means_.wakes.stop_signal() != 0;
        result_.what.hang = !result_.stopped && now_ns() >= deadline_ns_;
        if (result_.stopped || result_.what.hang)
            break;
        means_.wakes.wait(std::min(deadline_ns_, now_ns() + look_again_ns));
    }
    if (child_.tid > 0)
        end_traced(std::exchange(child_.tid, 0));
    const auto written = means_.output.so_far();
    means_.output.go_back(before_);
    result_.what.out = written[0];
    result_.what.err = written[1];
    if (result_.why_not.empty())
        take_files(result_.what, compared);
    return std::move(result_);
}

} // namespace nmisim::exec
