// SPDX-License-Identifier: MIT
//
// Picks a handler's function, timed or not, when a run is set up. Context: control.
#pragma once

#include "nmi/chain/check_duration.hpp"
#include "verify/run_config.hpp"

namespace nmisim {

template <nmi_function Call>
nmi_function timed_if_asked(const run_config& config) noexcept
{
    return config.nmi_longest_ns != 0 ? timed_call<Call> : Call;
}

} // namespace nmisim
