// SPDX-License-Identifier: MIT
//
// What a report says besides the run's results: how the program was called, how to repeat it, on what machine. Text and
// JSON print the same struct.
#pragma once

#include "report/host_info.hpp"
#include "report/metric.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nmisim {

enum class verdict {
    pass,       ///< every check looked at something and held
    fail,       ///< a check failed, or looked at nothing
    threshold,  ///< the checks held, a --fail-if held too
    incomplete, ///< stopped by a signal before every check had something to look at; none failed
};
constexpr std::string_view name_of(verdict v) noexcept
{
    switch (v) {
    case verdict::pass: return "pass";
    case verdict::fail: return "fail";
    case verdict::threshold: return "threshold";
    case verdict::incomplete: return "incomplete";
    }
    return "?";
}

struct report_context {
    std::vector<std::string> argv;
    std::string repeat;  ///< a command line that repeats the run, seed included
    std::string started; ///< UTC, ISO 8601
    host_info host;
    std::vector<threshold_result> thresholds;
    int exit_code = 0;
};

/// The fault that was selected and that its check did not find; nullptr if there is none. A short run, or one that was
/// stopped, may miss what it was to show: no verdict on the checks, and yet no plain pass.
const fault_info* uncaught_fault(const run_report& report) noexcept;

verdict verdict_of(const run_report& report, const report_context& context);

} // namespace nmisim
