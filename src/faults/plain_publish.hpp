// SPDX-License-Identifier: MIT
//
// Publishing as it was done before the patch of 2005: plain stores. The file that defines it is always
// compiled with -O2 and without sanitizers, because what is shown is what the optimiser may do: GCC stores
// the pointer before the data that it points to. Only ThreadSanitizer instruments it: the race is in the source.
#pragma once

#include "nmi/handlers/checked_handler.hpp"

namespace nmisim {

/// `*data = *source; *slot = callback;`, and nothing else. `__restrict` says what the compiler knew of the
/// kernel's global nmi_callback: it is not part of the data. Context: control.
void plain_publish(handler_data* __restrict data, const handler_data* __restrict source,
                   nmi_callback** __restrict slot, nmi_callback* callback) noexcept;

/// The same with rcu_assign_pointer: the code since 2005. Context: control.
void ordered_publish(handler_data* __restrict data, const handler_data* __restrict source,
                     std::atomic<nmi_callback*>* __restrict slot, nmi_callback* callback) noexcept;

/// What is known of the compiler that built it: GCC 12 reorders on x86-64 and aarch64, clang 14 does not.
extern const bool plain_publish_is_reordered;

} // namespace nmisim
