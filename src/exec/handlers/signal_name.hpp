// SPDX-License-Identifier: MIT
//
// Signals by name, as kill(1) has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nmisim::exec {

/// "USR1", "RTMIN+3".
std::string signal_name(int signal);
/// Of "USR1", "SIGUSR1", "RTMIN+3" or "10". Nothing where it is none, or one that no handler can have.
std::optional<int> signal_of(std::string_view text);

} // namespace nmisim::exec
