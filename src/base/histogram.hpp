// SPDX-License-Identifier: MIT
//
// Durations in nanoseconds, log2 with 8 sub-buckets (at most 12.5 % wide), in a fixed array that its single
// writer fills from NMI context with plain increments: no allocation, no lock, about 2 ns. Merged and read
// by the control side. Bucket i of 0..7 holds the value i exactly; above that, 8 buckets per power of two.
#pragma once

#include "base/counter.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace nmisim {

constexpr int histogram_buckets = 8 + 8 * 40; // up to 2^43 ns, more than two hours

constexpr int histogram_bucket(std::uint64_t value) noexcept
{
    if (value < 8)
        return static_cast<int>(value);
    const int exponent = 63 - std::countl_zero(value); // >= 3
    const int index = 8 * (exponent - 2) + static_cast<int>((value >> (exponent - 3)) & 7);
    return index < histogram_buckets ? index : histogram_buckets - 1;
}

/// Smallest value of bucket `index`; that of `index + 1` is its exclusive end.
constexpr std::uint64_t histogram_floor(int index) noexcept
{
    if (index < 8)
        return static_cast<std::uint64_t>(index);
    const int exponent = index / 8 + 2;
    return (std::uint64_t{8} + static_cast<std::uint64_t>(index % 8)) << (exponent - 3);
}

class histogram {
public:
    void record(std::uint64_t value) noexcept
    {
        ++buckets_[static_cast<std::size_t>(histogram_bucket(value))];
        ++count_;
        sum_.add(value);
        if (value > max_.load(std::memory_order_relaxed))
            max_.store(value, std::memory_order_relaxed);
        if (value < min_.load(std::memory_order_relaxed))
            min_.store(value, std::memory_order_relaxed);
    }

    std::uint64_t bucket(int i) const noexcept { return buckets_[static_cast<std::size_t>(i)].read(); }
    std::uint64_t count() const noexcept { return count_.read(); }
    std::uint64_t sum() const noexcept { return sum_.read(); }
    std::uint64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }
    std::uint64_t min() const noexcept { return count() == 0 ? 0 : min_.load(std::memory_order_relaxed); }

private:
    std::array<counter, histogram_buckets> buckets_{};
    counter count_;
    counter sum_;
    std::atomic<std::uint64_t> max_{0};
    std::atomic<std::uint64_t> min_{UINT64_MAX};
};

/// A merged, plain copy for reports. Context: control.
struct latency {
    std::uint64_t count = 0;
    std::uint64_t sum_ns = 0;
    std::uint64_t min_ns = 0;
    std::uint64_t max_ns = 0;
    std::array<std::uint64_t, histogram_buckets> buckets{};

    void merge(const histogram& h) noexcept;
    /// The value below which the share `p` (0..1) of the samples is, exact to the bucket's width; 0 if empty.
    std::uint64_t percentile_ns(double p) const noexcept;
    double mean_ns() const noexcept
    {
        return count == 0 ? 0 : static_cast<double>(sum_ns) / static_cast<double>(count);
    }
};

} // namespace nmisim
