// SPDX-License-Identifier: MIT
#include "exec/handlers/handler_audit.hpp"

#include "base/clock.hpp"
#include "exec/trace/memory.hpp"
#include "exec/trace/proc_files.hpp"

#include <bit>
#include <csignal>

#include <sys/syscall.h>

namespace nmisim::exec {

// The two below the first real-time signal are the C library's own, for its threads.
bool handler_audit::is_looked_at(int signal) const noexcept
{
    constexpr int first_of_libc = 32;
    return signal_ != 0 ? signal == signal_ : signal < first_of_libc || signal >= SIGRTMIN;
}

void handler_audit::executed(task& t)
{
    table_.forget(t);
    walks_.erase(t.tid);
    receivers_.erase(t.in->tgid);
    outstanding_.erase(t.in->tgid);
}

void handler_audit::born(task& t)
{
    if (send_ && t.tid == t.in->tgid && catches(t.tid, signal_))
        receivers_[t.in->tgid].last_ns = now_ns();
}

void handler_audit::gone(task& t)
{
    while (steps(t))
        end(t, walk::state::inside);
    if (t.tid == t.in->tgid) {
        receivers_.erase(t.tid);
        outstanding_.erase(t.tid);
    }
}

void handler_audit::call_exit(task& t, const interrupted& at)
{
    constexpr std::uint64_t greatest_default = 1; // SIG_DFL and SIG_IGN
    const auto signal = static_cast<int>(at.arg[0]);
    if (at.call != SYS_rt_sigaction || at.result != 0 || at.arg[1] == 0 || !is_looked_at(signal))
        return;
    const std::uint64_t handler = read_word(t.tid, at.arg[1]).value_or(0);
    if (handler <= greatest_default)
        return;
    table_.row(t, signal, handler);
    if (send_)
        receivers_[t.in->tgid].last_ns = now_ns();
}

void handler_audit::call_entry(task& t, const interrupted& at)
{
    const auto found = send_ ? receivers_.find(t.in->tgid) : receivers_.end();
    if (found == receivers_.end() || at.call == SYS_rt_sigreturn || at.call == SYS_exit_group)
        return;
    found->second.last_ns = now_ns();
    if (std::has_single_bit(++found->second.calls))
        send(t.in->tgid, found->second);
}

void handler_audit::idle()
{
    constexpr std::uint64_t quiet_ns = 100'000'000;
    for (auto& [tgid, to] : receivers_)
        if (now_ns() >= to.last_ns + quiet_ns)
            send(tgid, to);
}

void handler_audit::send(pid_t tgid, receiver& to)
{
    to.last_ns = now_ns();
    // One that comes while a handler is stepped would wait, and the next would be one with it.
    if (!walks_.empty())
        return;
    if (to.sent >= most_sent || !catches(tgid, signal_) || kill(tgid, signal_) != 0)
        return;
    ++to.sent;
    ++sent_;
    ++outstanding_[tgid];
}

bool handler_audit::own_signal(task& t, int signal)
{
    if (!is_looked_at(signal) || !catches(t.tid, signal))
        return true;
    saved_registers r{};
    if (read_registers(t.tid, r))
        walks_[t.tid].emplace_back(signal, interrupted_by(r).sp);
    return true;
}

void handler_audit::enter(task& t, walk& w, const saved_registers& r)
{
    w.enter(t.in->tgid, t.tid, r, table_.errno_function(t));
    audited_handler& row = table_.row(t, w.signal(), w.handler());
    ++row.ran;
    if (auto& waiting = outstanding_[t.in->tgid]; waiting > 0 && w.signal() == signal_) {
        --waiting;
        ++row.sent;
    }
    if (steps_[&row] >= most_steps &&
        walks_[t.tid].size() == 1) // one inside of another is stepped all the same
        walks_.erase(t.tid);
}

void handler_audit::stepped(task& t)
{
    saved_registers r{};
    if (!read_registers(t.tid, r))
        return;
    if (walk& first = walks_[t.tid].back(); !first.entered()) {
        enter(t, first, r);
        return;
    }
    // A jump may leave several at once.
    while (steps(t)) {
        walk& w = walks_[t.tid].back();
        const walk::state how = w.step(t.tid, r, most_steps);
        if (how == walk::state::inside)
            return;
        end(t, how);
        if (how == walk::state::returned)
            return;
    }
}

void handler_audit::end(task& t, walk::state how)
{
    auto& all = walks_[t.tid];
    walk w = std::move(all.back());
    all.pop_back();
    if (all.empty() || how == walk::state::too_long)
        walks_.erase(t.tid);
    else if (how == walk::state::returned)
        all.back().interrupted_there();
    if (!w.entered())
        return;
    table_.add(t, w, how);
    steps_[&table_.row(t, w.signal(), w.handler())] += w.steps();
}

} // namespace nmisim::exec
