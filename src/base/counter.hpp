// SPDX-License-Identifier: MIT
//
// A statistics counter with one writing thread at a time and any number of readers. The NMIs that interrupt the thread
// may write as well: an addition is one instruction, on x86-64 without a lock prefix. Kernel: this_cpu_inc().
#pragma once

#include "this_cpu_add.hpp" // base/<cpu family>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nmisim {

constexpr std::size_t cacheline_size = 64;

class counter {
public:
    /// An NMI at any instruction loses nothing. Context: any, on the thread that owns the counter.
    void add(std::uint64_t n) noexcept { this_cpu_add(value_, n); }
    counter& operator++() noexcept
    {
        add(1);
        return *this;
    }
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// A number that orders nothing else: one writer, any number of readers who want only its latest value.
class latest {
public:
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); } // see above
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

} // namespace nmisim
