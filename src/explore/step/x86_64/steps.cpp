// SPDX-License-Identifier: MIT
//
// x86-64: a step without the trap flag. Where step_by_breakpoints() allows it, a step is an int3 on the instruction that
// follows, or on both of a branch: a quarter of the price. What the decoder does not answer for is left to the flag, which
// stands for the wish to step until prepare_step() has found the other way.
#include "explore/decode/instruction_x86_64.hpp"
#include "explore/decode/leap_x86_64.hpp"
#include "explore/decode/successors_x86_64.hpp"
#include "explore/step/arch.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/step/x86_64/made_steps.hpp"

#include <atomic>
#include <utility>

#include <sys/syscall.h>

extern "C" {
[[gnu::visibility("hidden")]] extern const char nmisim_stepped_begin[];
/// 0: a stepped call begins by the trap flag.
[[gnu::visibility("hidden")]] constinit unsigned char nmisim_begins_by_breakpoint = 0;
}

namespace nmisim::explore::arch {

namespace {

constexpr unsigned char breakpoint_opcode = 0xcc; // int3

bool is_to_step(const ucontext_t& at) noexcept
{
    constexpr greg_t trap_flag_bit = 0x100;
    return (at.uc_mcontext.gregs[REG_EFL] & trap_flag_bit) != 0;
}

// The step that is under way. Each thread has its own, but one thread runs at a time.
struct planned_step {
    unsigned count = 0;
    std::array<std::uintptr_t, 2> at{};
    std::array<bool, 2> written{}; ///< false: a breakpoint of the table is there already
    std::array<std::array<unsigned char, max_opcode>, 2> saved{};
    std::uint64_t mask = 0; ///< the signal mask of the code that makes the step
    leap instead{};         ///< of the next step
    bool detour = false;    ///< the breakpoints are out for one instruction of a handler that met one
    bool by_flag = false;
};
constinit thread_local planned_step step [[gnu::tls_model("initial-exec")]]{};
constinit bool by_breakpoints = false;
/// Of the thread that steps, for the others.
constinit std::array<std::atomic<std::uintptr_t>, 2> breakpoints_of_steps{};

std::uint64_t mask_of(const ucontext_t& at) noexcept
{
    return *reinterpret_cast<const std::uint64_t*>(&at.uc_sigmask);
}

unsigned char* code_of(std::uintptr_t address) noexcept
{
    return reinterpret_cast<unsigned char*>(address);
}

void write_steps() noexcept
{
    for (unsigned i = 0; i < step.count; ++i) {
        const breakpoint* b = find_breakpoint(step.at[i]);
        step.written[i] = b == nullptr || !b->planted;
        breakpoints_of_steps[i].store(step.at[i], std::memory_order_relaxed); // who reads it tries again
        if (step.written[i])
            write_breakpoint(code_of(step.at[i]), step.saved[i]);
    }
}

void restore_steps() noexcept
{
    for (unsigned i = 0; i < step.count; ++i) {
        if (step.written[i])
            restore_code(code_of(step.at[i]), step.saved[i]);
        breakpoints_of_steps[i].store(0, std::memory_order_relaxed); // as above
    }
}

void take_step_out() noexcept
{
    restore_steps();
    step.count = 0;
}

bool is_of_a_step(std::uintptr_t address) noexcept
{
    for (const auto& b : breakpoints_of_steps)
        if (b.load(std::memory_order_relaxed) == address) // one that goes meanwhile is no longer in the code
            return true;
    return false;
}

// False: only the trap flag can do it.
bool plan_one(const ucontext_t& at) noexcept
{
    const code_bytes code = original_instruction_at(ip(at));
    const successors next = successors_x86_64(ip(at), registers_of(at), code.byte.data(), code.size);
    for (unsigned i = 0; i < next.count; ++i) {
        if (!make_code_writable(next.at[i]))
            return false;
        step.at[i] = next.at[i];
    }
    step.count = next.count;
    return next.count != 0;
}

// The frame of nmisim_call_stepped has no red zone.
void make_call_of_stepped(ucontext_t& at) noexcept
{
    auto& r = at.uc_mcontext.gregs;
    r[REG_RSP] -= 8;
    *reinterpret_cast<volatile std::uintptr_t*>(r[REG_RSP]) = stepped_return();
    set_ip(at, static_cast<std::uintptr_t>(r[REG_RAX]));
}

} // namespace

// #DB is the end of a step, too. A handler of somebody else's signal may run into a breakpoint that waits for the code
// it has interrupted: it has another signal mask.
bool end_of_step(ucontext_t& at) noexcept
{
    const std::uintptr_t here = breakpoint_address(at);
    if (here == reinterpret_cast<std::uintptr_t>(nmisim_stepped_begin)) {
        make_call_of_stepped(at);
        set_single_step(at, true);
        return true;
    }
    if (step.count == 0 || mask_of(at) != step.mask)
        return false;
    for (unsigned i = 0; i < step.count; ++i)
        if (step.at[i] == here) {
            take_step_out();
            set_ip(at, here);
            set_single_step(at, true);
            return true;
        }
    return false;
}

bool end_of_detour(ucontext_t& at) noexcept
{
    if (!step.detour)
        return false;
    step.detour = false;
    write_steps();
    set_single_step(at, false);
    return true;
}

bool step_of_another_thread(ucontext_t& at) noexcept
{
    const std::uintptr_t here = breakpoint_address(at);
    for (unsigned i = 0; i < step.count; ++i)
        if (step.at[i] == here) { // of another context of this thread
            restore_steps();
            step.detour = true;
            set_ip(at, here);
            set_single_step(at, true);
            return true;
        }
    if (!is_of_a_step(here) &&
        *static_cast<const volatile unsigned char*>(code_of(here)) == breakpoint_opcode)
        return false;
    set_ip(at, here); // to try again
    raw_system_call(SYS_sched_yield);
    return true;
}

bool is_whole(const code_bytes& code) noexcept
{
    return decode_x86_64(code.byte.data(), code.size).size != 0;
}

void step_by_breakpoints(bool wanted) noexcept
{
    by_breakpoints = wanted;
    nmisim_begins_by_breakpoint = wanted ? 1 : 0;
    prepare_made_steps(wanted);
}

bool step_by_flag(bool wanted) noexcept
{
    return std::exchange(step.by_flag, wanted);
}

std::uint32_t leap_instead(const std::uintptr_t* ip, const code_bytes* code, std::uint32_t count,
                           std::uint32_t here) noexcept
{
    if (!steps_by_breakpoints())
        return 1;
    const leap l = leap_x86_64(ip, code, count, here);
    for (unsigned i = 0; i < l.count; ++i)
        if (!make_code_writable(l.to[i]))
            return 1;
    step.instead = l;
    return l.count != 0 ? l.instructions : 1;
}

bool steps_by_breakpoints() noexcept
{
    return by_breakpoints && !step.by_flag;
}

void forget_step() noexcept
{
    take_step_out();
    step.instead = {};
    step.detour = false;
    step.by_flag = false;
}

void prepare_step(ucontext_t& at) noexcept
{
    if (!by_breakpoints || step.by_flag || !is_to_step(at))
        return;
    if (step.instead.count != 0) {
        step.at = step.instead.to;
        step.count = step.instead.count;
        step.instead = {};
    } else if (!plan_one(at)) {
        return;
    }
    step.mask = mask_of(at);
    write_steps();
    set_single_step(at, false);
}

} // namespace nmisim::explore::arch
