// SPDX-License-Identifier: MIT
//
// The updater's side: the table of an interrupt's slots, and what comes into them. Publishing takes no lock, so that an
// exchange in a handler of somebody else cannot meet one that its own thread holds; tables change under the control lock.
#pragma once

#include "runtime/interrupt_state.hpp"

namespace nmisim::runtime {

/// A slot on the table, `again` if that is one of an earlier life; null with `error`. Context: control.
slot_state* add_slot(interrupt_state& state, std::uint64_t opening, int& error, slot_order where,
                     slot_state* again = nullptr) noexcept;
/// Off the table, retired with its object. Context: any but nmi.
void remove_slot(slot_state& slot) noexcept;

/// slot::exchange().
exchange_result exchange(slot_state& slot, published* fresh, deadline limit) noexcept;

/// Under the control lock: no slots any more, all objects retired, and no exchange publishes another one.
void take_all_out(interrupt_state& state) noexcept;

/// All that calls which wait ask first; drained: it may wait. Context: any.
outcome may_wait(const interrupt_state& state, deadline limit) noexcept;

/// Waits for all handlers under way. Context: control.
outcome wait_for_handlers(interrupt_state& state, deadline limit) noexcept;

} // namespace nmisim::runtime
