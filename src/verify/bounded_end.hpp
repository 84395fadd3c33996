// SPDX-License-Identifier: MIT
//
// The waits at the end of a run. None lasts for ever: what does not end is reported. Time in which the process was
// stopped does not count (base/patience.hpp). Context: control.
#pragma once

#include "nmisim/machine.hpp"

#include <cstdint>

namespace nmisim {

/// False: an NMI or IRQ that was sent has not been taken for so long.
[[nodiscard]] bool drain_within(machine& m, std::uint64_t limit_ns);

/// Takes the vCPUs from `first` to before `end` offline, all at once. False: one of them has not left its workload for so
/// long; its thread still runs, and what it uses must stay.
[[nodiscard]] bool cpus_down_within(machine& m, int first, int end, std::uint64_t limit_ns);

} // namespace nmisim
