// SPDX-License-Identifier: MIT
#include "exec/trace/remote_call.hpp"

#include "base/clock.hpp"
#include "base/signal_mask.hpp"
#include "exec/trace/memory.hpp"
#include "exec/trace/wake_ups.hpp"

#include <cerrno>
#include <csignal>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr auto get_mask = static_cast<__ptrace_request>(0x420a); // PTRACE_GETSIGMASK
constexpr auto set_mask = static_cast<__ptrace_request>(0x420b);

} // namespace

/// No signal comes but those in `open`. An NMI among them keeps its mark.
void remote_calls::hold(std::uint64_t open) noexcept
{
    std::uint64_t full = ~open;
    held_ = read_registers(tid_, before_) && ptrace(get_mask, tid_, sizeof mask_, &mask_) == 0 &&
            ptrace(set_mask, tid_, sizeof full, &full) == 0;
}

remote_calls::remote_calls(const task& t) : process_(t.in->tgid), tid_(t.tid)
{
    // The kernel forces a step's signal on who blocks it, and takes its handler away.
    constexpr std::uint64_t step = std::uint64_t{1} << (SIGTRAP - 1);
    gate_ = t.in->stub_page + stub::gate;
    if (t.in->stub_page != 0)
        hold(step);
    ok_ = held_;
}

remote_calls::remote_calls(pid_t process, pid_t tid) : process_(process), tid_(tid)
{
    hold(0);
    if (!held_)
        return;
    const std::uintptr_t ip = interrupted_by(before_).ip;
    ok_ = true;
    for (const std::uint64_t word : system_call_code()) {
        const auto there = read_word(tid_, ip + code_.size() * sizeof word);
        ok_ = ok_ && there && write_word(tid_, ip + code_.size() * sizeof word, word);
        code_.push_back(there.value_or(0));
    }
}

remote_calls::remote_calls(pid_t child, const remote_calls& parent)
    : process_(child), tid_(child), gate_(parent.gate_), before_(parent.before_), mask_(parent.mask_),
      code_(parent.code_), held_(parent.held_), ok_(parent.ok_)
{}

/// A call may never come back: nobody answers seccomp, a cgroup is frozen.
bool remote_calls::next_stop()
{
    constexpr std::uint64_t look_again_ns = 100'000'000;
    const sigset_t changes = signal_set({SIGCHLD});
    const timespec pause = to_timespec(look_again_ns);
    while (true) {
        if (const pid_t pid = waitpid(tid_, &status_, __WALL | WNOHANG); pid != 0)
            return pid == tid_;
        if (stop_signal_waits())
            return false;
        sigtimedwait(&changes, nullptr, &pause);
    }
}

bool remote_calls::run_to(stop_kind to, const meanwhile& under_way)
{
    while (ptrace(gate_ != 0 ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, tid_, nullptr, nullptr) == 0) {
        if (under_way)
            under_way();
        if (!next_stop())
            return false;
        const stop s = stop_of(tid_, status_);
        if (s.kind == stop_kind::ended) {
            ended_ = true;
            return false;
        }
        if (s.kind == to && (to != stop_kind::signal || (s.signal == SIGTRAP && trap_of(tid_) == trap::step)))
            return true;
        if (s.kind == stop_kind::signal &&
            (s.signal == SIGSEGV || s.signal == SIGBUS)) // it cannot be executed
            return false;
        if (s.kind == stop_kind::signal)
            late_.push_back(s.signal);
        if (s.kind == stop_kind::birth)
            born_ = static_cast<pid_t>(s.message);
    }
    return false;
}

long remote_calls::call(long nr, const std::array<std::uint64_t, 6>& arg, const meanwhile& under_way)
{
    if (!ok_ || ended_)
        return -EIO;
    saved_registers r = before_;
    move_to(r, gate_ != 0 ? gate_ : interrupted_by(before_).ip);
    set_call(r, nr, arg);
    if (!write_registers(tid_, r))
        return -EIO;
    const bool made = gate_ != 0 ? run_to(stop_kind::signal, under_way)
                                 : run_to(stop_kind::call_entry) && run_to(stop_kind::call_exit, under_way);
    if (!made || !read_registers(tid_, r))
        return -EIO;
    return interrupted_by(r).result;
}

remote_calls::~remote_calls()
{
    if (ended_ || !held_)
        return;
    const std::uintptr_t ip = interrupted_by(before_).ip;
    for (std::size_t i = 0; i < code_.size(); ++i)
        write_word(tid_, ip + i * sizeof code_[i], code_[i]);
    move_to(before_, ip);
    write_registers(tid_, before_);
    ptrace(set_mask, tid_, sizeof mask_, &mask_);
    for (const int signal : late_)
        syscall(SYS_tgkill, process_, tid_, signal);
}

bool take_out_of_mask(pid_t tid, int signal) noexcept
{
    const std::uint64_t bit = std::uint64_t{1} << (signal - 1);
    std::uint64_t mask = 0;
    if (ptrace(get_mask, tid, sizeof mask, &mask) != 0 || (mask & bit) == 0)
        return false;
    mask &= ~bit;
    return ptrace(set_mask, tid, sizeof mask, &mask) == 0;
}

} // namespace nmisim::exec
