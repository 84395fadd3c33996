// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/interrupt_state.hpp"
#include "runtime/origin.hpp"

namespace nmisim::runtime {

/// interrupt::raise(). Context: any.
raise_result raise(interrupt_state& state, pid_t tid) noexcept;
/// interrupt::raise_all(). Context: any.
std::uint64_t raise_all(interrupt_state& state) noexcept;

} // namespace nmisim::runtime
