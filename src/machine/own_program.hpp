// SPDX-License-Identifier: MIT
//
// What nmi-sim itself wants of its machines, and no other program has to: vCPUs that give way, have names and take no other
// signals, and messages on standard error.
#pragma once

#include "base/message_line.hpp"
#include "nmisim/machine_config.hpp"

namespace nmisim {

inline void make_own_programs(machine_config& config) noexcept
{
    config.give_way = true;
    config.name_threads = true;
    config.block_signals = true;
    config.message = write_to_standard_error;
}

} // namespace nmisim
