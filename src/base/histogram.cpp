// SPDX-License-Identifier: MIT
#include "base/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace nmisim {

void latency::merge(const histogram& h) noexcept
{
    const std::uint64_t added = h.count();
    if (added == 0)
        return;
    min_ns = count == 0 ? h.min() : std::min(min_ns, h.min());
    max_ns = std::max(max_ns, h.max());
    count += added;
    sum_ns += h.sum();
    for (int i = 0; i < histogram_buckets; ++i)
        buckets[static_cast<std::size_t>(i)] += h.bucket(i);
}

std::uint64_t latency::percentile_ns(double p) const noexcept
{
    if (count == 0)
        return 0;
    const auto rank = static_cast<std::uint64_t>(std::ceil(p * static_cast<double>(count)));
    std::uint64_t seen = 0;
    for (int i = 0; i < histogram_buckets; ++i) {
        seen += buckets[static_cast<std::size_t>(i)];
        if (seen >= std::max<std::uint64_t>(rank, 1)) // the bucket's upper edge, never beyond what was seen
            return std::clamp(histogram_floor(i + 1) - 1, min_ns, max_ns);
    }
    return max_ns;
}

} // namespace nmisim
