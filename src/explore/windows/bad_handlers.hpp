// SPDX-License-Identifier: MIT
//
// What the window `audit` steps through: one NMI from the signal entry on, with the ordinary handler or with
// one that does what a handler must not.
#pragma once

#include "explore/windows/flaw.hpp"
#include "nmisim/explore.hpp"

namespace nmisim::explore {

function audited_handler(flaw f) noexcept;

} // namespace nmisim::explore
