// SPDX-License-Identifier: MIT
//
// The memory that an instruction touches, and where it can go: decoded once for each address, looked up in the trap
// handler. Meson chooses accesses_capstone.cpp or accesses_none.cpp; without it there is no reduction and no store buffer.
//
// A decoder's word is not enough: capstone 4 calls `movups %xmm0, (%rax)` and `lock cmpxchg` reads. accesses_capstone.cpp
// corrects what is known to be wrong, and a learning run compares the bytes of each operand that is "only read" before
// and after the instruction (memory_watch): a wrong flag is told, and nothing is called complete.
#pragma once

#include "explore/step/arch.hpp"

namespace nmisim::explore {

/// Bytes at base + index * scale + displacement, in the segment of thread-local storage or not.
struct memory_operand {
    static constexpr std::int8_t no_register = -1;

    std::int64_t displacement = 0;
    std::int8_t base = no_register; ///< as the processor's context numbers them
    std::int8_t index = no_register;
    std::uint8_t scale = 1;
    bool thread_local_base = false;
    bool reads = false;
    bool writes = false;
    bool repeated = false; ///< size is that of one round; the count says how many
    std::uint16_t size = 0;
};

struct instruction {
    std::uintptr_t ip = 0;
    std::uintptr_t target = 0; ///< of a direct jump or call; 0: none, or not known before it runs
    std::array<memory_operand, 3> operand{};
    std::uint8_t operands = 0;
    std::uint8_t length = 0;
    bool empties_buffer = false; ///< it waits until all earlier stores are visible
    bool branches = false;       ///< to its target, or to the next instruction
    bool calls = false;
    bool indirect = false; ///< jumps or calls to what a register or its first operand holds
    std::int8_t target_register = memory_operand::no_register;
    bool system_call = false;
    bool non_temporal = false; ///< its stores become visible in any order: weaker than TSO
    /// Not covered, a literal says why: if what it touches is shared, or, without operands, wherever it is.
    const char* refused = nullptr;
};

/// Empty: accesses can be decoded here. Otherwise why not.
const char* decoding_absent() noexcept;
/// False: not decoded. Context: control.
bool decode(std::uintptr_t ip, const code_bytes& code, instruction& into);

struct byte_range {
    std::uintptr_t address = 0;
    std::size_t size = 0;
};
/// Where the operand is, for a thread that is at `at`, before the instruction. Context: the trap handler.
byte_range range_of(const memory_operand& o, const ucontext_t& at, std::uintptr_t thread_base) noexcept;
std::uintptr_t register_of(const ucontext_t& at, std::int8_t number) noexcept;
/// The base of the calling thread's thread-local storage.
std::uintptr_t own_thread_base() noexcept;

} // namespace nmisim::explore
