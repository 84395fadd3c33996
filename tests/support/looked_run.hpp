// SPDX-License-Identifier: MIT
//
// A short run on a machine where another program may have all CPUs for as long as the run takes, so that it looks at nothing.
#pragma once

#include "verify/run.hpp"

namespace nmisim::test {

/// Runs again, twice as long each time, for as long as `looked(report)` is false; after four runs says what the last one
/// said. Context: control.
template <class Looked>
run_report looked_run(run_config config, Looked looked)
{
    run_report r = run(config);
    for (int again = 0; again < 3 && !looked(r); ++again) {
        config.duration_ns *= 2;
        r = run(config);
    }
    return r;
}

} // namespace nmisim::test
