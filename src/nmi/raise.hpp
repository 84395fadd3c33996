// SPDX-License-Identifier: MIT
//
// Raising an NMI: from the injector, from a controller, or from another NMI handler (an IPI).
#pragma once

#include "nmi/line.hpp"
#include "nmisim/raise_result.hpp"

namespace nmisim {

/// Context: any. Progress: lock-free, one system call. Books every outcome but `full` under `raised`.
raise_result raise_on(interrupt_line& line) noexcept;

/// Whether a raise would now be taken by itself: vCPU online, nothing pending (latch), below the bound (queue).
/// Context: any. A hint: others may raise meanwhile.
bool has_room(const interrupt_line& line) noexcept;

} // namespace nmisim
