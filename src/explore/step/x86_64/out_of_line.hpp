// SPDX-License-Identifier: MIT
//
// An instruction is run out of line: the processor runs a copy of it in the SIGTRAP handler, with the registers of the
// code that the signal interrupted. As the kernel's uprobes do it (arch/x86/kernel/uprobes.c), but without a trap.
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "explore/decode/successors_x86_64.hpp"

#include <cstdint>

namespace nmisim::explore::out_of_line {

struct registers {
    x86_registers general;
    std::uint64_t flags;
};

/// The page that instructions are copied to becomes writable. False: refused. Context: control, in the child process.
bool begin() noexcept;

/// Runs `code`, which touches no memory that may not be there, traps never and goes on behind itself. The trap flag has no effect, and
/// stays. False: another thread is in here. Context: a handler with every signal blocked.
bool run(const code_bytes& code, registers& with) noexcept;

} // namespace nmisim::explore::out_of_line
