// SPDX-License-Identifier: MIT
//
// Breakpoints in the program's own text. Three kinds:
//
//   one-shot  an anchor: the thread that owns it is about to run to this instruction; gone when it has come there, after the
//             rounds of a loop that it lets pass
//   gate      on a system-call instruction, stays for good: when a thread arrives there, the trap handler makes the call
//             instead, so the instruction itself seldom needs to be put back. Through gates the explorer sees a thread that
//             is about to block, and keeps SIGTRAP out of its signal mask
//   watch     before an instruction that touches what both threads of a map touch; many, and enabled for single runs
//
// Text pages become writable, private copies (mprotect) at the first breakpoint on them. A hardened system
// may refuse; plant() then returns false and the caller single-steps. The explorer runs one thread at a time,
// so no other thread runs past a breakpoint while it is put back or stepped over.
//
// Context: what plants, removes and enables: outside of the SIGTRAP handler; the rest also inside.
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "explore/step/arch.hpp"

#include <string_view>
#include <vector>

namespace nmisim::explore {

class stepped_thread;

enum class breakpoint_kind : std::uint8_t { free, one_shot, gate, watch };

struct breakpoint {
    std::uintptr_t address = 0;
    std::array<unsigned char, arch::max_opcode> saved{};
    breakpoint_kind kind = breakpoint_kind::free;
    bool planted = false;            ///< false while its instruction is stepped over
    stepped_thread* owner = nullptr; ///< of a one-shot
};

/// Asks libc for what plant() must know and cannot ask. Call it first. `maps`: this process's /proc/PID/maps as it has just
/// been read; empty or cut off: it is read here. Context: control.
void prepare_breakpoints(std::string_view maps = {}) noexcept;
/// The kernel's code in each process. What it reads is written by the kernel at any time.
bool is_in_vdso(std::uintptr_t address) noexcept;
/// False in the vDSO where it cannot be written.
bool can_carry_breakpoint(std::uintptr_t address) noexcept;
/// Makes the pages of the instruction at `address` writable, for good. False if that is refused.
bool make_code_writable(std::uintptr_t address) noexcept;
[[nodiscard]] bool plant(std::uintptr_t address, breakpoint_kind kind, stepped_thread* owner) noexcept;
/// Takes the one-shots of `owner` out that were not hit.
void remove_one_shots(const stepped_thread* owner) noexcept;
/// Instead of those of before: one at each address, in order, which has none yet. They are out until they are enabled.
/// False: refused, and there are none. Context: control.
[[nodiscard]] bool plant_watches(const std::vector<std::uintptr_t>& addresses);
void enable_watches(bool on) noexcept;
breakpoint* find_breakpoint(std::uintptr_t address) noexcept;
void take_out(breakpoint& b) noexcept; ///< puts the instruction back; the entry stays
void put_in(breakpoint& b) noexcept;   ///< undoes take_out()
void forget(breakpoint& b) noexcept;   ///< take_out() and free the entry

/// The instruction that is about to run at `ip`, as it is without breakpoints.
code_bytes original_code_at(std::uintptr_t ip) noexcept;
/// At least all of its bytes, and without a system call where they are on one page. Empty where no code is: a jump may go
/// anywhere.
code_bytes original_instruction_at(std::uintptr_t ip) noexcept;
/// True when the instruction at `ip`, as it is without breakpoints, is the system-call instruction.
bool is_system_call_at(std::uintptr_t ip) noexcept;
/// The same where original_instruction_at() has read it.
bool is_system_call(std::uintptr_t ip, const code_bytes& instruction) noexcept;

} // namespace nmisim::explore
