// SPDX-License-Identifier: MIT
//
// Windows about one interrupt on top of another: an NMI in an IRQ handler, an NMI in an NMI through the window of
// nmi/entry/nesting.hpp, and NMIs on a vCPU that RCU does not watch (nmi/context_tracking.hpp). And the one NMI that the
// audit steps through.
#pragma once

#include "faults/bad_handlers.hpp"
#include "nmisim/explore.hpp"

#include <string_view>

namespace nmisim::explore {

/// What the window `audit` steps through: one NMI from the signal entry on, with the ordinary handler (null) or with one that
/// does what a handler must not. Parent: what children shall play.
function audited_handler(bad_deed deed) noexcept;

/// Fills `t` and returns true if `window` is one of these.
bool interrupt_target(std::string_view window, target& t);

} // namespace nmisim::explore
