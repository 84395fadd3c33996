// SPDX-License-Identifier: MIT
//
// Status lines on standard error. On a terminal one line is redrawn; elsewhere one plain line is printed per
// --interval, and none without it: escape sequences do not belong in a log.
#pragma once

#include "cli/options/settings.hpp"
#include "verify/run_report.hpp"

#include <cstdint>

namespace nmisim::cli {

class status_display {
public:
    explicit status_display(const settings& s);
    ~status_display();
    status_display(const status_display&) = delete;
    status_display& operator=(const status_display&) = delete;

    /// As run_hooks::tick. `print_now`: SIGUSR1 asked for a line.
    void tick(const run_progress& now, bool print_now);
    /// Removes the redrawn line: what follows starts on an empty one.
    void clear();

private:
    bool redraw_ = false;
    std::uint64_t interval_ns_ = 0; ///< 0: only when asked
    run_progress shown_{};
    bool line_is_up_ = false;
};

} // namespace nmisim::cli
