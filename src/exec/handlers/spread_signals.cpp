// SPDX-License-Identifier: MIT
#include "exec/handlers/spread_signals.hpp"

#include "exec/trace/proc_files.hpp"
#include "exec/trace/stop.hpp"

namespace nmisim::exec {

void spread_signals::there(task& t, const function_range& range)
{
    start_ = range.start;
    stops.plant(t, start_);
    if (plan_.counts)
        stops.plant(t, address_of(0));
}

// A breakpoint of a call that has ended is not taken away; it is when it is met again.
void spread_signals::came(task& t, std::uintptr_t at)
{
    kept_waiting_ns_ += stop_ns;
    saved_registers r{};
    if (!why_not_.empty() || !read_registers(t.tid, r))
        return;
    if (t.in->threads > 1 || t.in->births != 0) {
        why_not_ = t.in->threads > 1 ? "it has threads" : "it has children";
        return;
    }
    const std::uintptr_t sp = interrupted_by(r).sp;
    const bool is_counted = plan_.counts && at == address_of(0) && !is_over();
    execution_ += is_counted ? 1 : 0;
    if (at == back_ && sp > sp_) {
        back_ = 0;
        armed_ = false;
        if (!is_over())
            stops.plant(t, start_);
    } else if (at == start_ && back_ == 0) {
        begin_call(t, sp);
    }
    if (is_armed(at) && ++visits_ == plan_.places[next_ - 1].at.visit)
        shoot(t);
    if (is_armed(at) || at == back_ || (is_counted && !is_over())) {
        passing_ = t.tid;
        passed_ = at;
    }
}

void spread_signals::begin_call(task& t, std::uintptr_t sp)
{
    ++calls_;
    sp_ = sp;
    back_ = returns_to(t.tid, sp);
    stops.plant(t, back_);
    if (next_ == plan_.places.size() || plan_.places[next_].call != calls_)
        return;
    armed_ = true;
    visits_ = 0;
    if (const std::uintptr_t at = address_of(next_); at != start_)
        stops.plant(t, at);
    ++next_;
}

void spread_signals::shoot(task& t)
{
    using enum placed_signal::state;
    placed_signal::state& state = states_[next_ - 1];
    armed_ = false;
    if (!catches(t.tid, plan_.signal)) {
        state = no_handler;
    } else if (blocks(t.tid, plan_.signal)) {
        state = blocked;
    } else {
        put_in_place(t.tid, plan_.signal);
        t.given = plan_.signal;
        state = delivered;
    }
}

void spread_signals::stepped(task& t)
{
    kept_waiting_ns_ += stop_ns;
    passing_ = 0;
    stops.plant(t, passed_);
}

} // namespace nmisim::exec
