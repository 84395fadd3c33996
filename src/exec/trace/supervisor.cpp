// SPDX-License-Identifier: MIT
#include "exec/trace/supervisor.hpp"

#include "base/clock.hpp"
#include "exec/trace/guard.hpp"
#include "exec/trace/memory.hpp"
#include "exec/trace/proc_files.hpp"
#include "exec/trace/remote_call.hpp"
#include "explore/place/objects.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace nmisim::exec {

supervisor::supervisor(launched& command, const trace_options& how, strategy& s, wake_ups& w)
    : command_(command), how_(how), strategy_(s), wake_ups_(w), shooter_(how.signal, how.rate_hz, how.seed)
{}

task& supervisor::add(pid_t tid, std::shared_ptr<process> in)
{
    task& t = tasks_[tid];
    t.tid = tid;
    t.aim = std::make_shared<target>(in->tgid, tid);
    t.aim->armed.store(in->armed, std::memory_order_relaxed); // relaxed: see target
    t.in = std::move(in);
    shooter_.add(t.aim);
    strategy_.born(t);
    return t;
}

void supervisor::remove(pid_t tid)
{
    const auto found = tasks_.find(tid);
    if (found == tasks_.end())
        return;
    task& t = found->second;
    strategy_.gone(t);
    shooter_.remove(t.aim);
    if (t.aim->outstanding.load(std::memory_order_relaxed))                            // relaxed: see target
        ++(t.aim->blocked.load(std::memory_order_relaxed) ? end_.blocked : end_.held); // relaxed: see target
    tasks_.erase(found);
}

void supervisor::resume(task& t, int signal)
{
    const bool needs_exit = t.awaits_exec_exit || t.changed_argument >= 0;
    const auto how = needs_exit                   ? PTRACE_SYSCALL
                     : strategy_.steps(t)         ? PTRACE_SINGLESTEP
                     : strategy_.stops_at_calls() ? PTRACE_SYSCALL
                                                  : PTRACE_CONT;
    ptrace(how, t.tid, nullptr, signal); // fails where it was killed: its end comes
}

void supervisor::set_armed(process& p, bool armed)
{
    p.armed = armed;
    for (auto& [tid, t] : tasks_)
        if (t.in.get() == &p)
            t.aim->armed.store(armed, std::memory_order_relaxed); // relaxed: see target
}

void supervisor::born(task& parent, pid_t tid)
{
    const auto early = unborn_.find(tid);
    const std::optional<int> ended = early == unborn_.end() ? std::nullopt : early->second;
    const bool waits = early != unborn_.end() && !ended;
    if (early != unborn_.end())
        unborn_.erase(early);
    process& in = *parent.in;
    std::shared_ptr<process> of = parent.in;
    if (is_thread_of(in.tgid, tid)) {
        ++in.threads;
    } else {
        of = std::make_shared<process>();
        of->tgid = tid;
        of->path = in.path + "." + std::to_string(++in.births);
        of->exe = in.exe;
        // It has what its parent had; CLONE_CLEAR_SIGHAND leaves it without.
        of->armed = in.stub_page != 0 && !how_.main_only && !ended && catches(tid, how_.signal);
        of->stub_page = in.stub_page;
        end_.processes.push_back(of);
    }
    if (ended)
        return;
    task& t = add(tid, of);
    if (waits)
        resume(t);
}

// Another thread than the leader has executed a program, and has the leader's number now. An NMI that the leader had not taken
// went with the leader; its own one waits on.
void supervisor::leader_replaced(task& t, pid_t former)
{
    const bool waits = is_pending(t.tid, how_.signal);
    unsigned outstanding =
        t.aim->outstanding.exchange(waits, std::memory_order_relaxed); // relaxed: see target
    if (const auto own = tasks_.find(former); own != tasks_.end())
        outstanding +=
            own->second.aim->outstanding.exchange(false, std::memory_order_relaxed); // relaxed: see target
    end_.held += outstanding > waits ? outstanding - waits : 0;
    remove(former);
}

void supervisor::executed(task& t, pid_t former)
{
    if (former != t.tid && former > 0)
        leader_replaced(t, former);
    set_armed(*t.in, false);
    t.in->stub_page = 0;
    t.in->exe = explore::file_name_of(exe_of(t.tid));
    t.changed_argument = -1;
    t.awaits_exec_exit = true;
}

void supervisor::arm(task& t)
{
    t.awaits_exec_exit = false;
    if (how_.main_only && t.in != end_.processes.front())
        return;
    if (arch_of_call(t.tid) != audit_arch()) {
        ++end_.unarmed;
        return;
    }
    remote_calls remote(t.in->tgid, t.tid);
    constexpr std::uint64_t page_bytes = 4096;
    const long page = remote.call(
        SYS_mmap, {0, page_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, ~std::uint64_t{0}, 0});
    bool ok = page > 0;
    if (ok) {
        t.in->stub_page = static_cast<std::uintptr_t>(page);
        const stub s = stub_at(t.in->stub_page, how_.restart);
        for (std::size_t i = 0; i < s.words.size(); ++i)
            ok = ok && write_word(t.tid, t.in->stub_page + i * 8, s.words[i]);
        ok = ok && remote.call(SYS_rt_sigaction, {static_cast<std::uint64_t>(how_.signal),
                                                  t.in->stub_page + stub::action, 0, 8}) == 0;
    }
    if (remote.ended())
        handle(t.tid, remote.status());
    else if (ok)
        set_armed(*t.in, true);
    else
        ++end_.unarmed;
}

bool supervisor::trapped(task& t)
{
    switch (trap_of(t.tid)) {
    case trap::step:
        if (!strategy_.steps(t))
            return false;
        strategy_.stepped(t);
        return true;
    case trap::breakpoint: return strategy_.at_breakpoint(t);
    case trap::none: break;
    }
    return false;
}

void supervisor::signal(task& t, int number)
{
    if (number == SIGTRAP && trapped(t)) {
        resume(t, std::exchange(t.given, 0));
        return;
    }
    if (!is_nmi(t.tid, number, how_.signal)) {
        resume(t, strategy_.own_signal(t, number) ? number : 0);
        return;
    }
    t.aim->outstanding.store(false, std::memory_order_relaxed); // relaxed: see target
    saved_registers r{};
    if (!t.in->armed || !read_registers(t.tid, r)) {
        ++end_.suppressed;
        resume(t);
        return;
    }
    ++end_.delivered;
    strategy_.delivery(t, interrupted_by(r));
    resume(t, number);
}

void supervisor::handle(task& t, const stop& s)
{
    switch (s.kind) {
    case stop_kind::signal: signal(t, s.signal); return;
    case stop_kind::group_stop: ptrace(PTRACE_LISTEN, t.tid, nullptr, nullptr); return;
    case stop_kind::birth: born(t, static_cast<pid_t>(s.message)); break;
    case stop_kind::exec: executed(t, static_cast<pid_t>(s.message)); break;
    case stop_kind::guarded_call: guard_call(t, how_.signal, end_.own_handler); break;
    case stop_kind::call_entry:
    case stop_kind::call_exit:
        if (s.kind == stop_kind::call_exit)
            put_argument_back(t);
        if (s.kind == stop_kind::call_exit && t.awaits_exec_exit) {
            const pid_t tid = t.tid;
            arm(t);
            if (tasks_.find(tid) == tasks_.end()) // killed meanwhile
                return;
            strategy_.executed(t);
        } else if (saved_registers r{}; strategy_.stops_at_calls() && read_registers(t.tid, r)) {
            if (s.kind == stop_kind::call_entry)
                strategy_.call_entry(t, interrupted_by(r));
            else
                strategy_.call_exit(t, interrupted_by(r));
        }
        break;
    case stop_kind::trap:
        if (t.to_unmask)
            unmask(t);
        break;
    case stop_kind::other:
    case stop_kind::ended: break;
    }
    resume(t);
}

void supervisor::handle(pid_t tid, int status)
{
    const auto found = tasks_.find(tid);
    const bool ended = !WIFSTOPPED(status);
    if (tid == command_.pid() && ended) {
        main_ended_ = true;
        end_.status = status;
    }
    if (found == tasks_.end()) {
        if (strategy_.other_stopped(tid, status))
            return;
        unborn_[tid] = ended ? std::optional(status) : std::nullopt;
        unborn_since_ns_ = now_ns();
    } else if (ended) {
        remove(tid);
    } else {
        handle(found->second, stop_of(tid, status));
    }
}

// The mask is opened in a stop, and only where an NMI waits behind it: the stop itself ends some calls, as the NMI will.
void supervisor::open_masks()
{
    for (auto& [tid, t] : tasks_)
        if (!t.to_unmask && t.aim->outstanding.load(std::memory_order_relaxed) && // relaxed: see target
            t.aim->blocked.load(std::memory_order_relaxed))                       // relaxed: see target
            t.to_unmask = ptrace(static_cast<__ptrace_request>(PTRACE_INTERRUPT), tid, nullptr, nullptr) == 0;
}

void supervisor::unmask(task& t)
{
    t.to_unmask = false;
    t.aim->blocked.store(false, std::memory_order_relaxed); // relaxed: see target
    end_.unmasked += take_out_of_mask(t.tid, how_.signal) ? 1 : 0;
}

// A parent that is killed behind its fork reports no birth, and the child would wait for ever.
void supervisor::claim_lost()
{
    constexpr std::uint64_t lost_after_ns = nsec_per_sec;
    if (unborn_.empty() || now_ns() < unborn_since_ns_ + lost_after_ns)
        return;
    const auto lost = std::move(unborn_);
    unborn_.clear();
    for (const auto& [tid, ended] : lost) {
        if (ended)
            continue;
        auto child = std::make_shared<process>();
        child->tgid = tid;
        child->path = "?." + std::to_string(end_.processes.size());
        end_.processes.push_back(child);
        resume(add(tid, child));
    }
}

void supervisor::end_all()
{
    std::set<pid_t> processes;
    for (const auto& [tid, t] : tasks_)
        processes.insert(t.in->tgid);
    for (const auto& [tid, ended] : unborn_)
        if (!ended)
            processes.insert(tid);
    if (main_ended_)
        end_.left_behind = static_cast<unsigned>(processes.size());
    for (const pid_t p : processes)
        kill(p, SIGKILL);
    command_.output.finish();
    while (!tasks_.empty())
        remove(tasks_.begin()->first);
    end_children();
}

traced_end supervisor::run()
{
    constexpr unsigned long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                                      PTRACE_O_TRACEVFORK | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP |
                                      PTRACE_O_EXITKILL;
    constexpr std::uint64_t look_again_ns = 100'000'000;
    constexpr std::uint64_t look_soon_ns = 1'000'000;
    if (ptrace(static_cast<__ptrace_request>(PTRACE_SEIZE), command_.pid(), nullptr, options) != 0) {
        end_.absent = errno_text("ptrace is refused");
        end_children();
        return end_;
    }
    auto first = std::make_shared<process>();
    first->tgid = command_.pid();
    first->path = "0";
    end_.processes.push_back(first);
    add(command_.pid(), first);
    strategy_.begins({command_.output, wake_ups_, how_.signal, how_.timeout_ns});
    command_.go_on();
    const std::uint64_t start = now_ns();
    const auto deadline = [&] { return start + how_.timeout_ns + strategy_.kept_waiting_ns(); };
    while (!(main_ended_ && (!how_.wait_all || tasks_.empty()))) {
        int status = 0;
        const pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
        if (tid > 0)
            handle(tid, status);
        if (tid < 0 && errno == ECHILD)
            break;
        const std::uint64_t now = now_ns();
        if (wake_ups_.stop_signal() != 0 || now >= deadline())
            break;
        claim_lost();
        if (tid == 0)
            strategy_.idle();
        if (how_.ignore_masks)
            open_masks();
        const std::uint64_t pause_ns = strategy_.waits() || how_.ignore_masks ? look_soon_ns : look_again_ns;
        // Behind a stop it only looks: stops that never cease outlast neither the deadline nor Ctrl-C.
        wake_ups_.wait(tid > 0 ? now : std::min(deadline(), now + pause_ns));
    }
    end_.hang = wake_ups_.stop_signal() == 0 && now_ns() >= deadline() && !(main_ended_ && !how_.wait_all);
    end_.sent = shooter_.stop();
    end_all();
    if (const start_failure f = command_.why_not(); f.filter)
        end_.absent = "seccomp is refused";
    else
        end_.exec_error = f.error;
    return end_;
}

} // namespace nmisim::exec
