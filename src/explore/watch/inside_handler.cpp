// SPDX-License-Identifier: MIT
//
// A second signal that comes while the handler of the first one runs: that handler is stepped, in the first signal's frame,
// and the second signal raised before one of its instructions. The kernel delivers it there, or later, if it is blocked
// there.
#include "explore/replay/hold.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/step/fault_note.hpp"
#include "explore/step/stepper.hpp"
#include "explore/step/system_call.hpp"

namespace nmisim::explore {

bool stepped_thread::steps_handler() const noexcept
{
    return plan_.second.record != nullptr || plan_.second.target != no_boundary;
}

// In the first signal's frame, with its mask and on its stack.
void stepped_thread::run_handler(std::uintptr_t handler, int signal, siginfo_t* info,
                                 ucontext_t& interrupted) noexcept
{
    const bool stepped = stepping_; // a call of the window that opens the signal
    in_handler_ = stepping_ = true;
    handler_index_ = 0;
    arch::call_stepped(reinterpret_cast<function>(handler), static_cast<std::uintptr_t>(signal),
                       reinterpret_cast<std::uintptr_t>(info),
                       reinterpret_cast<std::uintptr_t>(&interrupted));
    in_handler_ = false;
    stepping_ = stepped;
    arch::forget_step();
}

// A second signal that waits comes when the first one's frame is left, or later, if the window has it closed. Without gates
// the steps go on until then: the call that opens it must be seen, also if it is the interrupted instruction.
void stepped_thread::handler_is_over(ucontext_t& interrupted) noexcept
{
    delivery::look(interrupted);
    if (plan_.gated || !delivery::one_waits(interrupted))
        return;
    arch::forget_step(); // that of the interrupted code may be under way
    stepping_ = true;
    arch::set_single_step(interrupted, true);
    if (is_system_call_at(arch::ip(interrupted)) &&
        delivery::depends_on(arch::system_call_of(interrupted).nr) &&
        can_be_made_elsewhere(arch::system_call_of(interrupted).nr))
        at_gate(interrupted);
    arch::prepare_step(interrupted); // nobody else does it: this is no trap
}

void stepped_thread::raise_second(const ucontext_t& at) noexcept
{
    second_reached_ = delivery::raise_in(pid_, tid_, delivery::signal(nth_signal::second)) == 0;
    fault_watch::arm();
    if (second_reached_)
        delivery::pending(at, tid_, nth_signal::second);
}

stepped_thread::next stepped_thread::handler_boundary(const ucontext_t& at) noexcept
{
    const plan_of_second& p = plan_.second;
    const std::uintptr_t ip = arch::ip(at);
    const std::uint32_t here = handler_index_++;
    if (p.record != nullptr)
        return note_boundary(*p.record, ip) ? next::step : next::run_free;
    if (!second_reached_) {
        if (here != p.target)
            return next::step;
        if (ip != p.target_ip)
            return next::run_free;
        context_begins();
        raise_second(at);
    }
    delivery::look(at);
    return delivery::one_waits(at) ? next::step : next::run_free;
}

} // namespace nmisim::explore
