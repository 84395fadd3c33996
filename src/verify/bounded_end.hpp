// SPDX-License-Identifier: MIT
//
// The waits at the end of a run, none of which lasts for ever: what does not come to its end is told. A process that was
// stopped meanwhile has not waited (base/patience.hpp). Context: control.
#pragma once

#include "nmisim/machine.hpp"

#include <cstdint>

namespace nmisim {

/// False: an NMI or IRQ that was sent has not been taken for so long.
[[nodiscard]] bool drain_within(machine& m, std::uint64_t limit_ns);

/// Takes the vCPUs from `first` to before `end` offline, all at once. False: one of them has not left its workload for so
/// long; its thread lives on, and what it uses must stay.
[[nodiscard]] bool cpus_down_within(machine& m, int first, int end, std::uint64_t limit_ns);

} // namespace nmisim
