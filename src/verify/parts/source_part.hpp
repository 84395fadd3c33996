// SPDX-License-Identifier: MIT
//
// The NMI sources of a run (--source): the injector, the vCPUs' own timers and counters, IPIs; one or several at once.
//
// Context: control.
#pragma once

#include "machine/sources/injector.hpp"
#include "machine/sources/ipi_source.hpp"
#include "machine/sources/nmi_source.hpp"
#include "nmisim/machine_config.hpp"
#include "verify/parts/run_part.hpp"

#include <memory>
#include <vector>

namespace nmisim {

class source_part final : public run_part {
public:
    explicit source_part(const run_config& config);

    /// Lets the vCPUs send IPIs after each round of their workload, if they are to. Before the machine is built.
    void configure(machine_config& config) override;
    /// Errors: std::system_error when the system refuses a source.
    void ready(machine& m) override;
    void start(machine& m) override;
    void stop() noexcept override;
    /// After stop() and a drain: what the vCPUs' own sources had sent has been taken too.
    [[nodiscard]] bool flush(std::uint64_t timeout_ns);
    void fill_report(machine& m, run_report& report, bool drained) override;
    void detach() noexcept override;

private:
    bool has(source_kind kind) const noexcept;

    const std::vector<source_kind> kinds_;
    const injection plan_;
    std::unique_ptr<ipi_source> ipi_;
    machine* machine_ = nullptr; ///< null: not ready yet
    std::unique_ptr<injector> injector_;
    std::unique_ptr<nmi_source> timer_;
    std::unique_ptr<nmi_source> perf_;
};

} // namespace nmisim
