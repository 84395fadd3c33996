// SPDX-License-Identifier: MIT
//
// What of a traced thread depends on the processor: its registers, how a system call is made in its name, the code of the
// handler that it is given. x86_64/arch.cpp and aarch64/arch.cpp implement it, as Meson picks; where the second says that
// it cannot, nothing here is called.
// Context: control, in the thread that traces; the traced one is in a ptrace stop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/types.h>

namespace nmisim::exec {

/// Why no program can be traced here, or nullptr.
const char* arch_absent() noexcept;

/// As the kernel has them, to be put back.
struct saved_registers {
    alignas(16) std::array<std::byte, 512> raw;
};
bool read_registers(pid_t tid, saved_registers& to) noexcept;
bool write_registers(pid_t tid, const saved_registers& from) noexcept;

/// What a stop interrupted.
struct interrupted {
    std::uintptr_t ip = 0;
    std::uintptr_t sp = 0;
    long call =
        -1; ///< of the system call that the stop is in or behind; below 0: none, the program's own code
    long result = 0;
    std::array<std::uint64_t, 6> arg{};
};
interrupted interrupted_by(const saved_registers& r) noexcept;

/// The thread goes on at `ip`, and no system call is restarted.
void move_to(saved_registers& r, std::uintptr_t ip) noexcept;
/// ... with the arguments of a system call, which system_call_code() then makes.
void set_call(saved_registers& r, long nr, const std::array<std::uint64_t, 6>& arg) noexcept;
/// Stopped before a system call: it is not made, and this is what it returns.
void skip_call(saved_registers& r, long result) noexcept;
void set_argument(saved_registers& r, int index, std::uint64_t value) noexcept;

/// Number of the system call that the thread's next instruction makes, whose first bytes are `code`; -1: it makes none.
long call_made_by(const saved_registers& r, std::uint64_t code) noexcept;
/// The instruction is an atomic read-modify-write, as a lock is made of.
bool is_atomic(std::uint64_t code) noexcept;

/// A handler's first stop. It is left when it returns to `back`, or when its stack is (a jump).
struct entered_handler {
    std::uintptr_t back = 0;
    std::uintptr_t back_sp = 0;
    std::uintptr_t stack_low = 0; ///< of an alternate stack that it runs on; 0: on the interrupted one
    std::uintptr_t stack_high = 0;
};
entered_handler handler_entered(pid_t tid, const saved_registers& r) noexcept;

/// Of a function at whose first instruction the stack pointer is `sp`; 0: not known.
std::uintptr_t returns_to(pid_t tid, std::uintptr_t sp) noexcept;

std::uintptr_t thread_pointer(const saved_registers& r) noexcept;

/// Where the thread's errno is: what `function`, the C library's __errno_location, would return, read from its code. 0:
/// another code than those that are known.
std::uintptr_t errno_address(pid_t tid, const saved_registers& r, std::uintptr_t function) noexcept;

/// Code with a breakpoint for its first instruction, and `now` with what was there before it.
std::uint64_t with_breakpoint(std::uint64_t code) noexcept;
std::uint64_t without_breakpoint(std::uint64_t now, std::uint64_t before) noexcept;
/// Where the breakpoint is that the thread has run onto.
std::uintptr_t breakpoint_behind(const saved_registers& r) noexcept;

/// The bytes of one system call instruction, filled up to words.
std::span<const std::uint64_t> system_call_code() noexcept;

/// A page with a handler that does nothing: its code first.
struct stub {
    static constexpr std::size_t handler = 0;
    static constexpr std::size_t restorer = 16;
    static constexpr std::size_t gate = 32;   ///< system_call_code()
    static constexpr std::size_t action = 64; ///< the kernel's struct sigaction
    std::array<std::uint64_t, 12> words;
};
/// As it lies at `page`. `restart`: with SA_RESTART.
stub stub_at(std::uintptr_t page, bool restart) noexcept;

/// AUDIT_ARCH_... of the programs that can be traced: not of those for another word size.
std::uint32_t audit_arch() noexcept;

} // namespace nmisim::exec
