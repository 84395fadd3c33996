// SPDX-License-Identifier: MIT
//
// Invariant I7: grace periods and NMIs end, and a vCPU that is online handles the NMIs that are raised on it. The watch
// looks from outside whether one has taken longer than a timeout, and reports which vCPU holds it, in which state, and
// what it executes. Context: control.
#pragma once

#include "base/clock.hpp"
#include "nmisim/machine.hpp"
#include "verify/run_report.hpp"

#include <optional>
#include <vector>

namespace nmisim {

class stall_watch {
public:
    stall_watch(machine& m, std::uint64_t timeout_ns);

    /// The violation, if a grace period or an NMI has been under way for too long, or if NMIs have been raised for too
    /// long and none handled.
    /// `now`: never before the last one.
    std::optional<violation> look(std::uint64_t now = now_ns());
    /// vCPUs that are inside an NMI now, with their backtraces, eight at most; others if none is.
    std::vector<stall_report> describe() const;

private:
    /// Something that is not timed: the same as long as none has ended.
    struct untimed {
        std::uint64_t completed = 0;
        std::uint64_t since_ns = 0; ///< first seen by this watch, 0: none is under way
        void seen(bool inside, std::uint64_t completed_now, std::uint64_t now) noexcept;
    };
    /// What a vCPU had done when it was last seen to handle an NMI or to come or go.
    struct hearing {
        std::uint64_t handled = 0;
        std::uint64_t times_onlined = 0;
        std::uint64_t accepted =
            0; ///< raises that an NMI of the vCPU is to answer, its own or the one that is pending
        std::uint64_t since_ns = 0; ///< when there was first a further raise, 0: none
    };
    std::uint64_t age_ns(std::uint64_t since_ns, std::uint64_t now) const noexcept;
    std::uint64_t waited_ns(std::uint64_t now);
    std::uint64_t in_nmi_ns(const percpu& area, std::uint64_t now);
    std::uint64_t in_irq_ns(const percpu& area, std::uint64_t now);
    std::uint64_t deaf_ns(const percpu& area, std::uint64_t now);

    machine& machine_;
    const std::uint64_t timeout_ns_;
    const std::uint64_t deaf_timeout_ns_; ///< longer: each vCPU has to get a Linux CPU once
    std::uint64_t last_look_ns_ = 0;
    /// Time before this counts for nothing: this watch did not run either, as in a process that was stopped (Ctrl-Z), or a
    /// virtual machine that was. Kernel: rcu_cpu_stall_reset(), kvm_check_and_clear_guest_paused().
    std::uint64_t not_before_ns_ = 0;
    std::uint64_t ended_ = 0;          ///< grace periods, when last looked at
    std::uint64_t since_ns_ = 0;       ///< when one was first seen under way with this many ended, 0: none
    std::vector<untimed> untimed_nmi_; ///< per vCPU, where NMIs are not timed: the one it was last seen in
    std::vector<untimed> untimed_irq_; ///< the same of IRQs
    std::vector<hearing> hearing_;     ///< per vCPU
};

} // namespace nmisim
