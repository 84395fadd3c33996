// SPDX-License-Identifier: MIT
#include "cli/status_display.hpp"

#include "base/clock.hpp"
#include "cli/terminal.hpp"
#include "report/text/text_report.hpp"

#include <unistd.h>

namespace nmisim::cli {

status_display::status_display(const settings& s)
{
    redraw_ = can_redraw(STDERR_FILENO) && s.verbosity != verbosity::quiet;
    interval_ns_ = s.interval_ns.value_or(redraw_ ? nsec_per_sec / 2 : 0);
}

status_display::~status_display()
{
    clear();
}

void status_display::tick(const run_progress& now, bool print_now)
{
    const bool due = interval_ns_ != 0 && now.elapsed_ns - shown_.elapsed_ns >= interval_ns_;
    if (!due && !print_now)
        return;
    const std::string line = status_line(now, shown_);
    write_stderr(redraw_ ? "\r\033[K" + line : line + "\n");
    line_is_up_ = redraw_;
    shown_ = now;
}

void status_display::clear()
{
    if (line_is_up_)
        write_stderr("\r\033[K");
    line_is_up_ = false;
}

} // namespace nmisim::cli
