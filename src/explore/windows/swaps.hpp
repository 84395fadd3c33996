// SPDX-License-Identifier: MIT
//
// The updater's windows: one swap, correct or with one step done wrong. Handler #1 replaces #0.
#pragma once

namespace nmisim::explore {

void prepare_swap() noexcept; ///< handler #1 is built
void swap();                  ///< machine::exchange(), reclaim the old one
void swap_wrongly();          ///< as the chosen fault swaps

void prepare_publish() noexcept; ///< handler #1 is built, but for its data
void publish();                  ///< the step alone: initialise, rcu_assign_pointer
void publish_wrongly();          ///< as the chosen fault publishes

} // namespace nmisim::explore
