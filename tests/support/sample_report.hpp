// SPDX-License-Identifier: MIT
//
// A report of an invented run: round figures, for tests of printed reports.
#pragma once

#include "verify/run_report.hpp"

namespace nmisim::test {

/// Two vCPUs, every check passed.
run_report passing_report();

/// The same, where `grace-period` failed on vCPU 1.
run_report failing_report();

} // namespace nmisim::test
