// SPDX-License-Identifier: MIT
//
// The IRQ side of a checked run: each line has a checked handler, swapped before the NMI's in every step of the
// controller (swap_part), by the same swapper and with the same fault. A run without IRQ lines has none of this.
//
// A thread raises every line on every vCPU at a rate, by absolute deadlines. After a late round it catches up; a line
// that still has one pending coalesces, as a device's edge does.
#pragma once

#include "machine/paced_thread.hpp"
#include "verify/jobs/handler_job.hpp"
#include "verify/parts/element_pool.hpp"
#include "verify/parts/run_part.hpp"
#include "verify/parts/swapper.hpp"
#include "verify/run_report.hpp"

#include <memory>
#include <vector>

namespace nmisim {

/// Room for the handlers that wait for their grace period.
std::size_t pool_size_of(const run_config& config) noexcept;

/// Adds what has become of a swapper's handlers.
void add_books(run_report& report, const element_pool& pool, const swap_times& times);

class irq_part final : public run_part {
public:
    explicit irq_part(const run_config& config) : config_(config) {}

    void publish(machine& m) override; ///< a handler on each line
    void start(machine& m) override;
    void stop() noexcept override { source_.stop(); }
    void step(); ///< one swap on each line
    void last() override;
    void fill_report(machine& m, run_report& report, bool drained) override;

    std::vector<const element_pool*> pools() const;

private:
    struct checked_line {
        checked_line(machine& m, const run_config& config, int irq);
        handler_job job{checked_irq_call}; ///< besides betraying mistakes: nothing
        element_pool pool;
        std::unique_ptr<nmisim::swapper> swapper;
    };
    const run_config& config_;
    std::vector<std::unique_ptr<checked_line>> lines_;
    std::uint64_t swaps_ = 0; ///< the controller's; read after it has stopped
    paced_thread source_;
};

} // namespace nmisim
