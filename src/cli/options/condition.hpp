// SPDX-License-Identifier: MIT
//
// `--fail-if latency.p99>200us`: METRIC, one of < <= > >=, a limit in the metric's unit. exec has metrics of its own.
#pragma once

#include "report/metric.hpp"

#include <string_view>
#include <vector>

namespace nmisim::cli {

/// Errors: usage_error.
threshold parse_condition(std::string_view text, const std::vector<metric>& metrics = all_metrics());

} // namespace nmisim::cli
