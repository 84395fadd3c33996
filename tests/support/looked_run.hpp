// SPDX-License-Identifier: MIT
//
// A short run on a machine where another program may have all CPUs for as long as the run takes, so that it looks at nothing.
#pragma once

#include "verify/run.hpp"

#include <algorithm>

namespace nmisim::test {

/// None of the run's checks has looked at nothing. For `looked` below.
inline bool checks_looked(const run_report& done)
{
    return std::none_of(done.checks.begin(), done.checks.end(),
                        [](const check_report& c) { return c.status == check_status::nothing_seen; });
}

/// Runs again, twice as long each time, for as long as `looked(report)` is false and no check has failed; after four runs
/// says what the last one said. `looked` must not be what the test is for. Context: control.
template <class Looked>
run_report looked_run(run_config config, Looked looked)
{
    const auto has_failed = [](const check_report& c) { return c.status == check_status::fail; };
    run_report r = run(config);
    for (int again = 0; again < 3 && !looked(r) && std::none_of(r.checks.begin(), r.checks.end(), has_failed);
         ++again) {
        config.duration_ns *= 2;
        r = run(config);
    }
    return r;
}

} // namespace nmisim::test
