// SPDX-License-Identifier: MIT
#pragma once

namespace nmisim {

/// What became of one raise, of an interrupt (nmisim/interrupt.hpp) or of a machine's NMI or IRQ (nmisim/machine.hpp).
enum class raise_result {
    raised,        ///< the handlers will run
    sent = raised, ///< the same of an NMI
    /// One was pending on that thread or vCPU already: the two are one. Of a machine, they are lost as one if that one turns
    /// out `rejected`, or its vCPU leaves before it executes.
    coalesced,
    no_thread,        ///< interrupt: this process has no such thread
    rejected,         ///< the kernel's signal queue is full (RLIMIT_SIGPENDING): lost, and in the books
    closed,           ///< interrupt
    refused_in_child, ///< interrupt
    offline,          ///< machine: the vCPU is offline
    full,             ///< delivery::queue, max_in_flight reached: not raised, not in the books; try later
    no_such_cpu,      ///< the number is none of the machine's: not raised, in nobody's books
};

} // namespace nmisim
