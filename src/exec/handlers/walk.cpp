// SPDX-License-Identifier: MIT
#include "exec/handlers/walk.hpp"

#include "exec/trace/memory.hpp"
#include "explore/place/objects.hpp"

#include <algorithm>
#include <cstring>

namespace nmisim::exec {

void walk::enter(pid_t tgid, pid_t tid, const saved_registers& r, std::uintptr_t errno_function)
{
    frame_ = handler_entered(tid, r);
    lowest_sp_ = interrupted_by(r).sp;
    errno_at_ = errno_function != 0 ? errno_address(tid, r, errno_function) : 0;
    error_before_ = error_now(tid);
    maps_ = explore::maps_of(tgid);
    note(tid, r);
}

std::optional<int> walk::error_now(pid_t tid) const noexcept
{
    const auto word = errno_at_ != 0 ? read_word(tid, errno_at_) : std::nullopt;
    return word ? std::optional(static_cast<int>(*word)) : std::nullopt;
}

std::uint64_t walk::stack_bytes() const noexcept
{
    const std::uintptr_t top = on_alternate_stack() ? frame_.stack_high : interrupted_sp_;
    return top - std::min(top, lowest_sp_);
}

bool walk::left(std::uintptr_t sp) const noexcept
{
    return on_alternate_stack() ? sp < frame_.stack_low || sp > frame_.stack_high : sp > frame_.back_sp;
}

void walk::note(pid_t tid, const saved_registers& r)
{
    const interrupted at = interrupted_by(r);
    explore::code_bytes code;
    code.size = static_cast<std::uint8_t>(read_bytes(tid, at.ip, code.byte));
    std::uint64_t first = 0;
    std::memcpy(&first, code.byte.data(), sizeof first);
    last_call_ = call_made_by(r, first);
    if (last_call_ >= 0)
        ++system_calls_[last_call_];
    atomics_ += is_atomic(first) ? 1 : 0;
    lowest_sp_ = std::min(lowest_sp_, at.sp);
    ip_.push_back(at.ip);
    sp_.push_back(at.sp);
    code_.push_back(code);
}

walk::state walk::step(pid_t tid, const saved_registers& r, std::uint32_t most_steps)
{
    const interrupted at = interrupted_by(r);
    if (at.ip == frame_.back && at.sp == frame_.back_sp)
        return state::returned;
    if (left(at.sp))
        return state::jumped;
    if (awaits_return_) {
        awaits_return_ = at.ip != ip_.back() || at.sp != sp_.back();
        return state::inside;
    }
    if (steps() >= most_steps)
        return state::too_long;
    note(tid, r);
    return state::inside;
}

explore::recording walk::recording() noexcept
{
    explore::recording steps;
    steps.count = this->steps();
    steps.capacity = steps.count;
    steps.ended = true;
    steps.ip = ip_.data();
    steps.sp = sp_.data();
    steps.code = code_.data();
    return steps;
}

} // namespace nmisim::exec
