// SPDX-License-Identifier: MIT
//
// Statistics over the repetitions that Google Benchmark does not have. On a machine that does other work as well, the
// smallest is the figure without disturbance, and the median is the usual one; half of all figures are between the
// quartiles.
#pragma once

#include <algorithm>
#include <benchmark/benchmark.h>
#include <vector>

namespace nmisim::bench {

/// The value below which the share `p` of `sorted` lies; 0 if empty.
inline double quantile(const std::vector<double>& sorted, double p)
{
    if (sorted.empty())
        return 0;
    return sorted[static_cast<std::size_t>(p * static_cast<double>(sorted.size() - 1) + 0.5)];
}

template <int Percent>
double percentile(const std::vector<double>& values)
{
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    return quantile(sorted, Percent / 100.0);
}

inline benchmark::internal::Benchmark* with_spread(benchmark::internal::Benchmark* b)
{
    return b->ComputeStatistics("min", percentile<0>)
        ->ComputeStatistics("p25", percentile<25>)
        ->ComputeStatistics("p75", percentile<75>);
}

} // namespace nmisim::bench
