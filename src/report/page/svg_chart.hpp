// SPDX-License-Identifier: MIT
//
// Small charts as inline SVG for the HTML report: no script, hover text by <title>, colours by the page's CSS
// variables. Each is 360 units wide, about a phone's width, so that its text is readable there and two or three
// stand side by side on a desktop.
#pragma once

#include "base/histogram.hpp"
#include "verify/run_report.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nmisim {

/// Time and count are both logarithmic: a tail of one in a million is seen. Percentiles are marked.
std::string histogram_chart(std::string_view title, const latency& l);

struct series {
    std::string_view name;
    std::string_view css;                   ///< class of its colour
    std::uint64_t run_progress::*cumulated; ///< drawn as a rate per second between two samples
};
std::string rate_chart(std::string_view title, const std::vector<run_progress>& samples,
                       const std::vector<series>& all);

/// Reader Pipe: calls that saw age 0, 1, 2 or more.
std::string age_chart(const std::array<std::uint64_t, 3>& ages);

/// One bar a vCPU: what became of its raises.
std::string balance_chart(const std::vector<cpu_report>& cpus);

} // namespace nmisim
