// SPDX-License-Identifier: MIT
//
// The IRQ side of a checked run: each line has a checked handler, swapped before the NMI's in every step of the
// controller, by the same swapper and with the same fault. Nothing of it exists in a run without IRQ lines.
#pragma once

#include "machine/sources/irq_source.hpp"
#include "verify/jobs/handler_job.hpp"
#include "verify/parts/element_pool.hpp"
#include "verify/parts/swapper.hpp"
#include "verify/run_report.hpp"

#include <memory>
#include <vector>

namespace nmisim {

/// Room for the handlers that wait for their grace period.
std::size_t pool_size_of(const run_config& config) noexcept;

/// What an IRQ handler does besides betraying mistakes: nothing.
class irq_job : public handler_job {
public:
    nmi_function function() const noexcept override { return checked_irq_call; }
};

class irq_side {
public:
    irq_side(machine& m, const run_config& config);

    void first(); ///< publishes a handler on each line
    void start_raising();
    void stop_raising() noexcept;
    void step(); ///< one swap on each line
    void last(); ///< reclaims the last handlers

    std::vector<const element_pool*> pools() const;
    std::uint64_t swaps() const noexcept { return swaps_; }
    void add_times(run_report& report) const;

private:
    struct checked_line {
        checked_line(machine& m, const run_config& config, int irq);
        irq_job job;
        element_pool pool;
        std::unique_ptr<nmisim::swapper> swapper;
    };
    std::vector<std::unique_ptr<checked_line>> lines_;
    irq_source source_;
    std::uint64_t swaps_ = 0; ///< the controller's; read after it has stopped
};

} // namespace nmisim
