// SPDX-License-Identifier: MIT
//
// For every build except ThreadSanitizer's: empty functions, no cost. Sibling: rcu/annotations_tsan.
#pragma once

#include "rcu/rcu.hpp"

namespace nmisim::rcu {

struct [[maybe_unused]] inside_liburcu {};
inline void section_ends() noexcept {}
inline void grace_period_ended() noexcept {}

using callback_function = void (*)(rcu_callback_head*);
/// What a flavor's own head may take of the caller's.
inline constexpr std::size_t callback_room = sizeof(rcu_callback_head::storage);
inline callback_function callback_passed(rcu_callback_head*, callback_function fn) noexcept
{
    return fn;
}
inline void callbacks_have_run() noexcept {}

} // namespace nmisim::rcu
