// SPDX-License-Identifier: MIT
//
// What came of one NMI.
// Context: control, in the child, behind the run.
#pragma once

#include "explore/sweep_runs.hpp"

namespace nmisim::explore {

enum class fate : std::uint8_t { delivered, held, ignored, taken, by_default, lost };

/// Of an NMI that was raised. A thread that ends loses what is pending for it.
fate fate_of(const job& j, const stepped_thread& self);

void judge(const job& j, const stepped_thread& self, std::uint32_t k, fate nmi);
void judge_call(const job& j, const stepped_thread& self, shared_call& c, fate nmi);

} // namespace nmisim::explore
