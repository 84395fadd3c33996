// SPDX-License-Identifier: MIT
//
// A statistics counter with one writer and any number of readers: the writer's own load and store are two
// plain moves, without a lock prefix. An NMI may interrupt its own thread between the two, so a counter is
// written *either* in NMI context *or* by the interrupted thread, never by both. What an NMI that nests in
// an NMI counts too takes add_in_one_instruction(). Kernel: this_cpu_inc().
#pragma once

#include "this_cpu_add.hpp" // base/<cpu family>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nmisim {

constexpr std::size_t cacheline_size = 64;

class counter {
public:
    void add(std::uint64_t n) noexcept
    {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    /// An NMI at any instruction loses nothing. Context: any, on the thread that owns the counter.
    void add_in_one_instruction(std::uint64_t n) noexcept { this_cpu_add(value_, n); }
    counter& operator++() noexcept
    {
        add(1);
        return *this;
    }
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// A number that stands for itself: one writer, any number of readers who want its latest value and nothing with it.
class latest {
public:
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); } // see above
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

} // namespace nmisim
