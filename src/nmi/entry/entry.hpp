// SPDX-License-Identifier: MIT
//
// The entries into NMI context, one per flavor, entry policy and place of the count. A machine picks one at start, so
// the path itself has no branch and no virtual call for any of the three. entry_<flavor>.cpp instantiate them, each
// flavor in a translation unit of its own.
#pragma once

#include "nmisim/flavor.hpp"
#include "nmisim/machine_config.hpp"
#include "nmisim/regs.hpp"

#include <csignal>

namespace nmisim {

enum class entry_kind;
enum class nmi_outcome;

struct nmi_entry {
    /// The signal handler. Context: nmi.
    void (*exc_nmi)(int, siginfo_t*, void*);
    /// The dispatcher alone, for benchmarks and exploration; the caller plays the signal entry.
    /// Context: vcpu thread with its NMI blocked, or nmi.
    nmi_outcome (*do_nmi)(const pt_regs&) noexcept;
    /// The signal handler of every IRQ line. Context: irq.
    void (*exc_irq)(int, siginfo_t*, void*);
};

/// Context: any. Faults exist for percpu_form::pda only; with `array` the entry is always the correct one.
nmi_entry nmi_entry_of(flavor f, entry_kind kind, percpu_form form) noexcept;

} // namespace nmisim
