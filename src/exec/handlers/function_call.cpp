// SPDX-License-Identifier: MIT
#include "exec/handlers/function_call.hpp"

#include "exec/trace/memory.hpp"
#include "exec/trace/proc_files.hpp"
#include "explore/place/places.hpp"

#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::exec {

void way_to_function::executed(task& t)
{
    stops.forget(t.in->tgid);
    entries_.erase(t.in->tgid);
    const std::uintptr_t entry = entry_of(t.in->tgid);
    if (wanted(t) && entry != 0 && stops.plant(t, entry))
        entries_[t.in->tgid] = entry;
}

bool way_to_function::at_breakpoint(task& t)
{
    const auto hit = stops.take(t);
    if (!hit)
        return false;
    if (hit->inherited)
        return true;
    const auto entry = entries_.find(t.in->tgid);
    if (entry == entries_.end() || entry->second != hit->at) {
        came(t, hit->at);
        return true;
    }
    entries_.erase(entry);
    if (!wanted(t))
        return true;
    if (const function_range range = range_of(function_, t.in->tgid); range.start != 0) {
        found_ = true;
        there(t, range);
    }
    return true;
}

void way_to_function::gone(task& t)
{
    if (t.tid == t.in->tgid) {
        stops.forget(t.tid);
        entries_.erase(t.tid);
    }
}

void recorded_call::there(task& t, const function_range& range)
{
    if (stops.plant(t, range.start))
        ranges_[t.in->tgid] = range;
}

void recorded_call::came(task& t, std::uintptr_t at)
{
    saved_registers r{};
    if (tid_ != 0 || over_ || !read_registers(t.tid, r))
        return;
    tid_ = t.tid;
    range_ = ranges_[t.in->tgid];
    known_.path = t.in->path;
    known_.exe = t.in->exe;
    entry_sp_ = interrupted_by(r).sp;
    note(t, at);
}

void recorded_call::note(task& t, std::uintptr_t ip)
{
    ++steps_;
    if (ip < range_.start || ip >= range_.end)
        return;
    const std::uint64_t offset = ip - range_.start;
    boundaries_.push_back({offset, ++visits_[offset]});
    if (const auto [code, fresh] = code_.try_emplace(offset); fresh)
        code->second.size = static_cast<std::uint8_t>(read_bytes(t.tid, ip, code->second.byte));
    if (!has_handler_) {
        has_handler_ = catches(t.tid, signal_);
        first_with_handler_ += has_handler_ ? 0 : 1;
    }
}

// Returned, or left by a jump: either way its stack is gone.
void recorded_call::stepped(task& t)
{
    saved_registers r{};
    if (!read_registers(t.tid, r))
        return;
    const interrupted at = interrupted_by(r);
    if (at.sp > entry_sp_) {
        finish(t);
        return;
    }
    if (steps_ >= most_steps) {
        cut_ = true;
        finish(t);
        return;
    }
    note(t, at.ip);
}

void recorded_call::finish(task& t)
{
    tid_ = 0;
    over_ = true;
    explore::places all(explore::maps_of(t.in->tgid));
    if (const explore::loaded_object* const o = all.objects().at(range_.start))
        known_.where = {o->name, {}, range_.start - o->base};
    for (const auto& [offset, code] : code_)
        places_[offset] = all.of(range_.start + offset, code);
}

void recorded_call::gone(task& t)
{
    if (t.tid == tid_) {
        finish(t);
        for (const auto& [offset, code] : code_)
            places_.try_emplace(offset);
    }
    way_to_function::gone(t);
}

void placed_signal::there(task& t, const function_range& range)
{
    place_ = range.start + where_.offset;
    stops.plant(t, place_);
}

void placed_signal::came(task& t, std::uintptr_t at)
{
    if (++visits_ < where_.visit) {
        passing_[t.tid] = at;
        return;
    }
    if (shot_ != 0)
        return;
    if (!catches(t.tid, signal_)) {
        state_ = state::no_handler;
        return;
    }
    state_ = state::blocked; // until it is delivered
    if (syscall(SYS_tgkill, t.in->tgid, t.tid, signal_) == 0)
        shot_ = t.tid;
}

void placed_signal::stepped(task& t)
{
    const auto found = passing_.find(t.tid);
    stops.plant(t, found->second);
    passing_.erase(found);
}

bool placed_signal::own_signal(task& t, int signal)
{
    saved_registers r{};
    if (signal == signal_ && t.tid == shot_ && state_ == state::blocked && read_registers(t.tid, r))
        state_ = interrupted_by(r).ip == place_ ? state::delivered : state::elsewhere;
    return true;
}

void placed_signal::gone(task& t)
{
    passing_.erase(t.tid);
    way_to_function::gone(t);
}

std::string_view name_of(placed_signal::state s) noexcept
{
    switch (s) {
    case placed_signal::state::not_reached: return "not-reached";
    case placed_signal::state::no_handler: return "no-handler";
    case placed_signal::state::blocked: return "blocked";
    case placed_signal::state::delivered: return "delivered";
    case placed_signal::state::elsewhere: return "elsewhere";
    }
    return "?";
}

} // namespace nmisim::exec
