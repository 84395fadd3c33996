// SPDX-License-Identifier: MIT
//
// The figures of a report by name, for --fail-if: `latency.p99>200us`. One table gives each its name, its
// unit and where it is found; `nmi-sim list metrics` prints it. A limit is about performance; it never changes what the
// checks say.
#pragma once

#include "verify/run_report.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nmisim {

enum class metric_unit { nanoseconds, per_second, count, ratio };

struct metric {
    std::string name; ///< "latency.p99", "rate", "swaps"
    metric_unit unit = metric_unit::count;
    std::string what; ///< one line
    /// Empty when the run took no sample of it.
    std::function<std::optional<double>(const run_report&)> read;
};

const std::vector<metric>& all_metrics();

enum class comparison { less, less_equal, greater, greater_equal };

/// One --fail-if.
struct threshold {
    const metric* of = nullptr;
    comparison compare = comparison::greater;
    double limit = 0; ///< in the metric's unit
    std::string text; ///< as given
};

struct threshold_result {
    std::string condition;
    metric_unit unit = metric_unit::count;
    bool held = false; ///< the run is to fail; also when there was nothing to measure
    std::optional<double> value;
};

threshold_result evaluate(const threshold& t, const run_report& report);
/// Of a value that the caller has read.
threshold_result evaluate(const threshold& t, std::optional<double> value);

/// "1.20ms", "9.50k/s", "1 204", "0.62 %", "not measured"
std::string value_text(const threshold_result& r);

} // namespace nmisim
