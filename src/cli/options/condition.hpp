// SPDX-License-Identifier: MIT
//
// `--fail-if latency.p99>200us`: METRIC, one of < <= > >=, a limit in the metric's unit.
#pragma once

#include "report/metric.hpp"

#include <string_view>

namespace nmisim::cli {

/// Errors: usage_error.
threshold parse_condition(std::string_view text);

} // namespace nmisim::cli
