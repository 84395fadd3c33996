// SPDX-License-Identifier: MIT
//
// The source of maskable interrupts of a run: a thread that raises every IRQ line on every vCPU at a rate, by
// absolute deadlines. After a late round it catches up; a line that still has one pending coalesces, as a device's edge
// does.
#pragma once

#include "machine/paced_thread.hpp"

namespace nmisim {

class machine;

class irq_source {
public:
    /// `rate_hz`: IRQs per second, line and vCPU.
    irq_source(machine& target, double rate_hz) : machine_(target), period_ns_(1e9 / rate_hz) {}

    /// Context: control.
    void start();
    void stop() noexcept { thread_.stop(); }

private:
    machine& machine_;
    const double period_ns_;
    paced_thread thread_;
};

} // namespace nmisim
