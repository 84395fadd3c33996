// SPDX-License-Identifier: MIT
//
// --handler backtrace: asks for a backtrace of all vCPUs again and again while handlers are swapped
// (machine/backtrace/trigger_backtrace.hpp), and keeps the last one for the report.
//
// Context: control.
#pragma once

#include "machine/backtrace/trigger_backtrace.hpp"
#include "machine/paced_thread.hpp"
#include "verify/jobs/handler_job.hpp"

namespace nmisim {

class backtrace_job final : public handler_job {
public:
    explicit backtrace_job(const run_config& config);

    void built(checked_handler& h) override { h.job = &board_; }
    void ready(machine& m) override;
    void release() noexcept override { asker_.stop(); }
    void fill_report(machine& m, run_report& report, bool drained) override;

private:
    void ask_again_and_again(machine& m);

    const std::uint64_t interval_ns_;
    backtrace_board board_;
    backtrace_report found_; ///< the asker's until it has ended
    backtrace_outcome last_;
    paced_thread asker_;
};

} // namespace nmisim
