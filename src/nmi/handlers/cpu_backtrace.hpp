// SPDX-License-Identifier: MIT
//
// The NMI side of an all-CPU backtrace: nmi_cpu_backtrace() of lib/nmi_backtrace.c. The asking thread sets the vCPUs'
// bits and raises an NMI on each (machine/backtrace/trigger_backtrace.hpp). Each vCPU's NMI finds its bit, copies its
// registers and stack, and clears the bit. The copy is not unwound here: see stack_snapshot.hpp.
//
// Context: nmi.
#pragma once

#include "base/counter.hpp"
#include "nmi/record/stack_snapshot.hpp"
#include "nmisim/callback.hpp"

#include <atomic>
#include <memory>

namespace nmisim {

struct alignas(cacheline_size) backtrace_slot {
    std::atomic<bool> wanted{false}; ///< this vCPU's bit of backtrace_mask
    counter served;
    stack_snapshot stack; ///< the vCPU's while wanted, the asker's afterwards
};

struct backtrace_board {
    explicit backtrace_board(int n) : cpus(n), of(new backtrace_slot[static_cast<std::size_t>(n)]) {}
    const int cpus;
    std::atomic<bool> busy{false}; ///< kernel: backtrace_flag, one at a time
    const std::unique_ptr<backtrace_slot[]> of;
};

/// True if a backtrace of this vCPU was wanted. Kernel: nmi_cpu_backtrace().
bool nmi_cpu_backtrace(backtrace_board& board, const pt_regs& regs, int cpu) noexcept;

/// The function of a checked handler whose job is a backtrace_board. Returns 1.
int backtrace_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

} // namespace nmisim
