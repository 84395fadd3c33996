// SPDX-License-Identifier: MIT
//
// What the window `audit` steps through: one NMI from the signal entry on, with the ordinary handler or with
// one that does what a handler must not.
#pragma once

#include "faults/bad_handlers.hpp"
#include "nmisim/explore.hpp"

namespace nmisim::explore {

/// `deed`: null for the ordinary handler. Parent: what children shall play.
function audited_handler(bad_deed deed) noexcept;

} // namespace nmisim::explore
