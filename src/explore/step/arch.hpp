// SPDX-License-Identifier: MIT
//
// What the explorer needs from a processor: the interrupted instruction pointer, a step from each instruction to the next
// one, a breakpoint instruction, and the system-call instruction. Meson chooses the folder x86_64 or
// aarch64. On aarch64 a process cannot set the processor's single-step (MDSCR_EL1.SS belongs to the
// kernel): there a step is a one-shot breakpoint on the instruction that follows, computed from the registers.
//
// x86-64 has the single-step, but a virtual machine makes its trap dear. So most steps are made by the handler itself
// (make_step), without a trap, and of the others most by a breakpoint where the next instruction is known for certain
// (step_by_breakpoints).
//
// Context: everything here is called inside the SIGTRAP handler too, at an arbitrary instruction of the
// program, where nothing else is said. So no libc function is called: one of its instructions may be the planted breakpoint.
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "nmisim/explore.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

#include <ucontext.h>

extern "C" {
/// Starts single-stepping in the caller: it goes on when this returns, and when the caller returns.
void nmisim_step_from_here() noexcept;
void nmisim_call_stepped(nmisim::explore::function fn, std::uintptr_t a, std::uintptr_t b, std::uintptr_t c);
extern const char nmisim_stepped_return[];
extern const char nmisim_stepping_end[];
/// Straight-line instructions that do nothing, for the self-test.
void nmisim_self_test_window();
}

namespace nmisim::explore::arch {

std::string_view name() noexcept;

std::uintptr_t ip(const ucontext_t& at) noexcept;
std::uintptr_t stack_pointer(const ucontext_t& at) noexcept;
void set_ip(ucontext_t& at, std::uintptr_t ip) noexcept;
void set_single_step(ucontext_t& at, bool on) noexcept;
/// True when the breakpoint hit at `at` is the end of a step: `at` is then as a processor's step would leave it.
bool end_of_step(ucontext_t& at) noexcept;
/// True when it is the end of another thread's step, or was and is gone: to be tried again. Or of this thread's, and
/// another context of it has met the breakpoint.
bool step_of_another_thread(ucontext_t& at) noexcept;
/// True when the trap at `at` is the end of a step over a breakpoint of ours that another context of this thread met.
bool end_of_detour(ucontext_t& at) noexcept;
/// From now on steps are made by breakpoints where they can be. Without it no text is patched for a step. Where
/// breakpoints are the only way it changes nothing. Context: control, in the child process.
void step_by_breakpoints(bool wanted) noexcept;
/// The calling thread's steps without breakpoints, until its run is over or this is taken back. What it was before.
bool step_by_flag(bool wanted) noexcept;
/// A run of the calling thread begins or is over, whatever came of its last step.
void forget_step() noexcept;
/// The step that is prepared next becomes a leap over recorded instructions, see decode/leap_x86_64.hpp; `here`: index of the
/// one that runs next. How many of them it passes; 1: it stays a step.
std::uint32_t leap_instead(const std::uintptr_t* ip, const code_bytes* code, std::uint32_t count,
                           std::uint32_t here) noexcept;
/// The thread that a signal has interrupted.
struct interrupted {
    int tid;                      ///< its own
    std::uintptr_t stack_pointer; ///< when the signal came: the handler's frames are below it
};
/// True for an instruction that make_step() makes, where its memory allows it.
bool is_makeable(const code_bytes& code) noexcept;
/// Does what the instruction at `at` would, whose bytes without breakpoints are `code`: a branch or a plain one
/// (decode/plain_x86_64.hpp). False: it is another one, its memory is not there, or steps are made by the trap flag. Nothing has
/// changed then.
bool make_step(ucontext_t& at, const code_bytes& code, const interrupted& by) noexcept;
/// Does what set_single_step() asked for. The SIGTRAP handler calls it last.
void prepare_step(ucontext_t& at) noexcept;

/// Calls `fn` single-stepped, with up to three arguments; the trap at stepped_return() says that `fn` has returned.
inline void call_stepped(function fn, std::uintptr_t a = 0, std::uintptr_t b = 0,
                         std::uintptr_t c = 0) noexcept
{
    nmisim_call_stepped(fn, a, b, c);
}
inline std::uintptr_t stepped_return() noexcept
{
    return reinterpret_cast<std::uintptr_t>(nmisim_stepped_return);
}

/// True for the instructions of call_stepped() and nmisim_step_from_here().
inline bool of_the_mechanism(std::uintptr_t ip) noexcept
{
    return ip >= reinterpret_cast<std::uintptr_t>(nmisim_call_stepped) &&
           ip < reinterpret_cast<std::uintptr_t>(nmisim_stepping_end);
}

inline constexpr unsigned self_test_instructions = 16;

struct system_call {
    long nr;
    std::array<long, 6> arg;
};
/// True when the instruction at `code` is the system-call instruction.
bool is_system_call(const unsigned char* code) noexcept;
std::size_t system_call_size() noexcept;
inline constexpr std::size_t max_opcode = 4;
system_call system_call_of(const ucontext_t& at) noexcept;
/// As if the system-call instruction at `at` had run and returned `result`.
void finish_system_call(ucontext_t& at, long result) noexcept;
/// Returns -errno on failure; touches neither errno nor libc.
long raw_system_call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                     long f = 0) noexcept;

/// fork and vfork, poll and ppoll: newer processors lack the older one of each.
bool forks(long nr) noexcept;
bool polls(long nr) noexcept;
/// poll, select and epoll_wait as newer processors lack them: true when these arguments have a time-out.
bool older_wait_has_time_out(long nr, const std::uint64_t (&arg)[6]) noexcept;

/// pause, and poll without descriptors and time-out, as newer processors lack them.
bool older_wait_is_for_a_signal(const system_call& call) noexcept;

/// True when no byte of the instruction is missing.
bool is_whole(const code_bytes& code) noexcept;
std::size_t breakpoint_size() noexcept;
/// Address of the breakpoint instruction that raised this SIGTRAP.
std::uintptr_t breakpoint_address(const ucontext_t& at) noexcept;
/// Writes the breakpoint instruction over `code`, which is writable; `saved` gets what was there.
void write_breakpoint(unsigned char* code, std::array<unsigned char, max_opcode>& saved) noexcept;
void restore_code(unsigned char* code, const std::array<unsigned char, max_opcode>& saved) noexcept;

/// Where the instruction behind `ip[at]` came from memory through a jump table: the slot that `jmp *slot(%rip)` or
/// `call *slot(%rip)` there has read, or 0. Names a call through the PLT by its relocation. `ip` and `code` list what
/// ran, in its order.
std::uintptr_t jump_slot(const std::uintptr_t* ip, const code_bytes* code, std::size_t at) noexcept;

/// True when the instruction `ip[at]` was a call, and the next one is where it went.
bool was_call(const std::uintptr_t* ip, const code_bytes* code, std::size_t at) noexcept;
/// True when a function that was entered with the stack pointer `entry_sp` by the call at `call` has been left.
bool has_returned(std::uintptr_t call, std::uintptr_t entry_sp, std::uintptr_t ip,
                  std::uintptr_t sp) noexcept;

} // namespace nmisim::explore::arch
