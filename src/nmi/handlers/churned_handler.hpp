// SPDX-License-Identifier: MIT
//
// A handler that is added to a chain and removed again while NMIs run, and notices if an NMI runs it after that. It
// claims no NMI, so the chain's other handlers see each NMI as if it were not there.
//
// Context of the functions: nmi, unless stated otherwise.
#pragma once

#include "nmi/handlers/checked_handler.hpp"

namespace nmisim {

struct churned_handler : nmi_callback {
    std::atomic<std::uint64_t> canary{canary_alive};
    std::uint64_t number = 0; ///< which one of those the chain has had
};

/// Looks at its canary (check `grace-period`); answers 0.
int churned_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

/// observe_from_task() for a callback that is a chain: each handler on LOCAL. Context: vcpu, in a read-side section.
void observe_chain_from_task(nmi_callback& callback, percpu& cpu) noexcept;

} // namespace nmisim
