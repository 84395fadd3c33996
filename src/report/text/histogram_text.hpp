// SPDX-License-Identifier: MIT
//
// A latency as a log2 histogram in text, in bpftrace's form: one row per power of two, so a long tail takes a few rows.
// Bounds are powers of two in nanoseconds and are printed as such (2.05us is 2048 ns): rounded bounds would be wrong
// for some samples.
#pragma once

#include "base/histogram.hpp"

#include <string>
#include <string_view>

namespace nmisim {

/// Rows from the first to the last power of two that holds a sample; a line "no samples" if there is none.
std::string histogram_text(std::string_view title, const latency& of, int bar_width = 40);

} // namespace nmisim
