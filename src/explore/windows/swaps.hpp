// SPDX-License-Identifier: MIT
//
// The updater's windows: one swap, right or with one step done wrong. Handler #1 replaces #0.
#pragma once

namespace nmisim::explore {

void prepare_swap() noexcept;     ///< handler #1 is built
void swap();                      ///< machine::exchange(), reclaim the old one
void swap_without_grace_period(); ///< flaw no-grace-period
void swap_through_the_dummy();    ///< flaw unset-then-set
void swap_with_both();            ///< flaw add-then-remove

void publish();             ///< the step alone: initialise, rcu_assign_pointer
void publish_before_init(); ///< flaw publish-before-init
void publish_plainly();     ///< flaw plain-publish
void prepare_publish() noexcept;

} // namespace nmisim::explore
