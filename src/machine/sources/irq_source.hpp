// SPDX-License-Identifier: MIT
//
// The source of maskable interrupts of a run: a thread that raises every IRQ line on every vCPU at a rate, by
// absolute deadlines. A round that begins late is made up for; a line that still has one pending coalesces, as
// a device's edge does.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace nmisim {

class machine;

class irq_source {
public:
    /// `rate_hz`: IRQs per second, line and vCPU.
    irq_source(machine& target, double rate_hz);
    ~irq_source();
    irq_source(const irq_source&) = delete;
    irq_source& operator=(const irq_source&) = delete;

    /// Context: control.
    void start();
    void stop() noexcept;

private:
    void run();

    machine& machine_;
    const double period_ns_;
    std::thread thread_;
    std::atomic<bool> stop_{false};
};

} // namespace nmisim
