// SPDX-License-Identifier: MIT
//
// The checks' memory: for each vCPU and each invariant, how often it was looked at, how often it failed, and
// the first failure. Written in NMI context by the vCPU that owns it (single writer, no lock), read by the
// control side. What a check *means* is in src/verify; this is only where NMI context leaves its evidence.
#pragma once

#include "base/counter.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace nmisim {

enum class check : std::uint8_t {
    grace_period,  // I1
    publish_order, // I2
    conservation,  // I3
    nesting,       // I4
    exactly_once,  // I5
    reclaim,       // I6
    progress,      // I7
    errno_kept,    // I8
    signal_safety, // I9
    workload,      // the interrupted program's own results
};
inline constexpr std::size_t check_count = 10;
inline constexpr std::array<std::string_view, check_count> check_names{
    "grace-period", "publish-order", "conservation", "nesting",       "exactly-once",
    "reclaim",      "progress",      "errno",        "signal-safety", "workload"};
constexpr std::string_view name_of(check c) noexcept
{
    return check_names[static_cast<std::size_t>(c)];
}

/// The first failure of a check, as far as NMI context can describe it. `what` is a string literal.
struct violation {
    std::uint64_t time_ns = 0; ///< CLOCK_MONOTONIC
    int cpu = -1;              ///< vCPU, -1: the control side
    std::uint64_t generation = 0;
    std::uint64_t observed = 0;
    std::uint64_t expected = 0;
    std::uintptr_t ip = 0; ///< code address that matters: interrupted instruction, or caller; 0: none
    const char* what = "";
};

class check_record {
public:
    void looked() noexcept { ++looked_at_; }
    void looked(std::uint64_t n) noexcept { looked_at_.add(n); }
    std::uint64_t looked_at() const noexcept { return looked_at_.read(); }

    void fail(const violation& v) noexcept
    {
        const std::uint64_t n = failures_.load(std::memory_order_relaxed); // single writer: own value
        if (n == 0)
            first_ = v;
        failures_.store(n + 1, std::memory_order_release); // (1) release: first_ is written; pairs with (2)
    }
    std::uint64_t failures() const noexcept
    {
        return failures_.load(std::memory_order_acquire); // (2) acquire: first_ may be read; pairs with (1)
    }
    /// Only after failures() returned more than 0.
    const violation& first() const noexcept { return first_; }

private:
    counter looked_at_;
    std::atomic<std::uint64_t> failures_{0};
    violation first_;
};

class check_block {
public:
    check_record& operator[](check c) noexcept { return records_[static_cast<std::size_t>(c)]; }
    const check_record& operator[](check c) const noexcept { return records_[static_cast<std::size_t>(c)]; }
    /// Of all checks.
    std::uint64_t failures() const noexcept
    {
        std::uint64_t n = 0;
        for (const check_record& record : records_)
            n += record.failures();
        return n;
    }

private:
    std::array<check_record, check_count> records_{};
};

} // namespace nmisim
