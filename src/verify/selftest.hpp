// SPDX-License-Identifier: MIT
//
// Does an NMI arrive at all? Each test case sends a few and waits until each vCPU that should take one has, and
// nobody else did. Kernel: arch/x86/kernel/nmi_selftest.c, which sends an NMI to every other CPU (remote IPI)
// and to its own (local IPI) at boot. Here each is done for each flavor and delivery. So are NMIs from the control
// side, to a vCPU that has been offline, and from each vCPU's own timer and performance counter.
#pragma once

#include "nmisim/machine_config.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace nmisim {

struct selftest_result {
    std::string name; ///< "remote IPI, flavor memb, delivery latch"
    bool passed = false;
    std::string why;      ///< empty, or what was missing
    bool skipped = false; ///< the system has no such source; neither passed nor failed
};

struct selftest_options {
    std::uint64_t timeout_ns =
        10'000'000'000; ///< per case; the kernel's is 1 s, but a thread waits for a CPU
    /// What the test's handler answers: anything but 1 is a handler that does not do its job. For tests.
    int answer = 1;
    /// Raises that get lost on their way: for tests.
    bool lose_raises = false;
};

/// Runs every test case; calls `each` when one has ended. True if all passed and there was at least one.
/// Context: control. Errors: std::system_error when the system refuses a thread.
bool run_selftest(const selftest_options& options, const std::function<void(const selftest_result&)>& each);

} // namespace nmisim
