// SPDX-License-Identifier: MIT
//
// vCPUs of a run that go offline and come back (--onoff-interval). Context: control.
#pragma once

#include "machine/hotplug.hpp"
#include "verify/parts/run_part.hpp"

#include <optional>

namespace nmisim {

class hotplug_part final : public run_part {
public:
    explicit hotplug_part(const run_config& config) : config_(config) {}

    void start(machine& m) override;
    /// False: a vCPU does not end, and what it uses must stay.
    [[nodiscard]] bool end_within(std::uint64_t patience_ns) noexcept;
    void fill_report(machine& m, run_report& report, bool drained) override;

private:
    const run_config& config_;
    std::optional<hotplug> hotplug_;
};

} // namespace nmisim
