// SPDX-License-Identifier: MIT
//
// --handler watchdog: the control side of the hard-lockup detector (nmi/handlers/watchdog.hpp). It gives each vCPU its tick,
// a POSIX timer that interrupts this thread alone, with a real-time signal of its own: maskable, as the kernel's
// hrtimer interrupt, where the NMI is not. With fault hard-lockup, vCPU 0 masks it and spins.
//
// Context: control; tick_here() and lock_up() on a vCPU.
#pragma once

#include "machine/interrupt_signal.hpp"
#include "nmi/handlers/watchdog.hpp"
#include "verify/jobs/handler_job.hpp"

#include <atomic>
#include <optional>

namespace nmisim {

class watchdog_job : public handler_job {
public:
    explicit watchdog_job(const run_config& config);

    void configure(machine_config& config) override;
    void built(checked_handler& h) override { h.job = &dog_; }
    void ready(machine& m) override;
    void release() noexcept override;
    void fill_report(machine& m, run_report& report, bool drained) override;

private:
    void tick_here(int cpu);
    void lock_up_here() noexcept;

    const int cpus_;
    const bad_workload lock_up_; ///< null: none
    watchdog dog_;
    std::optional<interrupt_signal> tick_signal_;
    std::atomic<int> ticking_{0};
    std::atomic<int> failed_{0}; ///< errno of a timer that could not be had
    std::atomic<std::uint64_t> lock_up_at_ns_{UINT64_MAX};
    std::atomic<bool> released_{false};
};

} // namespace nmisim
