// SPDX-License-Identifier: MIT
#include "exec/handlers/forked_call.hpp"

#include "base/clock.hpp"
#include "exec/trace/memory.hpp"
#include "exec/trace/proc_files.hpp"
#include "exec/trace/remote_call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::exec {

forked_call::forked_call(known_call c, plan p)
    : way_to_known_call(std::move(c)), plan_(std::move(p)), todo_(plan_.todo.begin(), plan_.todo.end())
{}

void forked_call::there(task& t, const function_range& range)
{
    start_ = range.start;
    end_ = range.end;
    stops.plant(t, start_);
}

void forked_call::came(task& t, std::uintptr_t /*at*/)
{
    saved_registers r{};
    if (tid_ != 0 || over_ || !read_registers(t.tid, r))
        return;
    tid_ = t.tid;
    entry_sp_ = interrupted_by(r).sp;
    look(t, r);
}

void forked_call::stepped(task& t)
{
    saved_registers r{};
    if (read_registers(t.tid, r))
        look(t, r);
}

void forked_call::look(task& t, const saved_registers& r)
{
    const interrupted at = interrupted_by(r);
    if (at.sp > entry_sp_) {
        end(t, "");
        return;
    }
    if (at.ip >= start_ && at.ip < end_) {
        const std::uint64_t offset = at.ip - start_;
        const std::uint64_t visit = ++visits_[offset];
        if (todo_.erase({offset, visit}) != 0)
            try_here(t, {offset, visit});
    }
    if (over_)
        return;
    if (todo_.empty())
        end(t, "");
    else if (call_made_by(r, read_word(t.tid, at.ip).value_or(0)) >= 0)
        before_a_call(t);
}

bool forked_call::other_stopped(pid_t pid, int status)
{
    if (!running_ || pid != running_->pid())
        return false;
    running_->take(status);
    return true;
}

// It may be the last moment at which it can be forked; and what it writes now is not the child's.
void forked_call::before_a_call(task& t)
{
    to_look_at_ = true;
    settle(t);
    if (why_not_.empty() && (unproven_.empty() || forks_well(t)))
        commit();
    else
        end(t, why_not_);
}

void forked_call::look_again(task& t)
{
    to_look_at_ = false;
    how_ = forkable_of(t, means_->output);
    has_handler_ = catches(t.tid, plan_.signal);
    why_not_ = how_.why_not;
}

void forked_call::try_here(task& t, recorded_call::boundary at)
{
    constexpr std::size_t most_unproven = 64;
    if (to_look_at_)
        look_again(t);
    if (why_not_.empty() && !trusted_)
        trusted_ = forks_well(t) && forks_well(t);
    if (why_not_.empty() && has_handler_)
        fork_here(t, at);
    if (why_not_.empty() && unproven_.size() >= most_unproven && forks_well(t))
        commit();
    if (!why_not_.empty())
        end(t, why_not_);
}

void forked_call::fork_here(task& t, recorded_call::boundary at)
{
    const std::uint64_t start = now_ns();
    auto child = std::make_unique<forked_child>(t, how_, *means_);
    kept_waiting_ns_ += now_ns() - start;
    settle(t);
    if (!why_not_.empty())
        return;
    child->start(plan_.signal);
    running_ = std::move(child);
    running_at_ = at;
}

/// None runs behind it.
void forked_call::settle(task& t)
{
    if (!running_)
        return;
    forked_run run = end_of(t, *running_);
    running_.reset();
    if (run.stopped)
        why_not_ = "stopped before the end";
    else if (run.why_not.empty())
        unproven_.push_back({running_at_, std::move(run)});
    else
        refused_why_ = run.why_not;
}

forked_run forked_call::end_of(task& t, forked_child& child)
{
    const std::uint64_t start = now_ns();
    forked_run run = child.finish(plan_.compared);
    put_positions_back(t);
    kept_waiting_ns_ += now_ns() - start;
    return run;
}

/// Without a signal a child comes to what the command comes to.
bool forked_call::forks_well(task& t)
{
    settle(t);
    if (!why_not_.empty())
        return false;
    forked_child child(t, how_, *means_);
    child.start(0);
    const forked_run run = end_of(t, child);
    const aspects differ = run.why_not.empty() && !run.stopped ? plan_.differences(run.what) : aspects{};
    why_not_ = run.stopped ? "stopped before the end"
               : differ.empty()
                   ? run.why_not
                   : fmt::format("without a signal a fork comes to another {}", fmt::join(differ, ", "));
    return why_not_.empty();
}

void forked_call::put_positions_back(task& t)
{
    for (const shared_position& p : how_.positions) {
        if (position_of(t.in->tgid, p.fd) == p.position)
            continue;
        remote_calls calls(t);
        calls.call(SYS_lseek, {static_cast<std::uint64_t>(p.fd), p.position, SEEK_SET, 0, 0, 0});
    }
}

void forked_call::commit()
{
    for (finished& f : unproven_)
        plan_.done(f.at, std::move(f.run));
    unproven_.clear();
}

// Where it ends well, the last children are proven by one more.
void forked_call::end(task& t, std::string why)
{
    over_ = true;
    settle(t);
    tid_ = 0;
    if (why.empty() && why_not_.empty() && !unproven_.empty() && forks_well(t))
        commit();
    if (why_not_.empty())
        why_not_ = why.empty() ? refused_why_ : std::move(why);
    kill(t.in->tgid, SIGKILL); // its own end is of no use
}

} // namespace nmisim::exec
