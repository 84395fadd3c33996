// SPDX-License-Identifier: MIT
//
// NMI source `ipi`: vCPUs raise NMIs on each other, between rounds of their workloads, each to all others at once.
// The mask is sent as the kernel sends NMI IPIs (apic->send_IPI_allbutself): a vCPU alone sends to itself.
#pragma once

#include "base/counter.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace nmisim {

class machine;

class ipi_source {
public:
    /// `rate_hz`: NMIs per second that each vCPU gets, from all others together.
    ipi_source(int cpus, double rate_hz);

    /// From here on round() sends. Context: control.
    void start(machine& m) noexcept;
    /// No further round() sends; one under way may. Context: control.
    void stop() noexcept;
    /// Sends what is due: to be called after each round of the workload. Context: vcpu.
    void round(int cpu) noexcept;

    /// NMIs that were due by the clock, on all vCPUs, and those raised. Context: any.
    std::uint64_t requested() const noexcept { return sum(&sender::requested); }
    std::uint64_t raised() const noexcept { return sum(&sender::raised); }

private:
    struct alignas(cacheline_size) sender {
        std::uint64_t next_ns = 0; ///< 0: has not sent yet
        counter requested;
        counter raised;
    };
    std::uint64_t sum(counter sender::*of) const noexcept;

    const std::uint64_t period_ns_; ///< between two broadcasts of a vCPU
    std::vector<sender> senders_;
    std::atomic<machine*> target_{nullptr};
};

/// Raises an NMI on every vCPU but `self`; returns to how many. Context: any.
int send_ipi_allbutself(machine& m, int self) noexcept;

} // namespace nmisim
