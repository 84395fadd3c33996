// SPDX-License-Identifier: MIT
//
// A profiler's handler: notes which instruction each NMI interrupts. oprofile's timer of 2005 was the one user
// of set_nmi_callback() in the kernel; the shape of the buffer is the book's (perfbook, "Using RCU to Wait for
// NMIs to Finish"): it carries its own size, so that a bounds check and the samples it guards cannot disagree
// across a swap.
//
// Each handler object has a buffer of its own: published with it, filled by the NMIs that run it, drained when its
// grace period has ended. By then nobody can write to it, so reading needs neither a lock nor a copy. It is allocated
// before its handler is published; NMI context only stores.
//
// `next` counts every sample, also those that found no room. So samples taken and samples lost are both exact, and
// their sum is the number of handler calls.
#pragma once

#include "base/counter.hpp"
#include "nmisim/callback.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nmisim {

class profile_buffer {
public:
    /// Room for `size` samples on each of `cpus` vCPUs. Context: control.
    profile_buffer(int cpus, std::size_t size)
        : size_(size), next_(static_cast<std::size_t>(cpus)), samples_(static_cast<std::size_t>(cpus) * size)
    {}

    /// Context: nmi, on vCPU `cpu`. Progress: wait-free.
    void add(std::uintptr_t ip, int cpu) noexcept
    {
        const auto c = static_cast<std::size_t>(cpu);
        // relaxed, here and below: the grace period orders the samples before whoever drains them
        const std::uint64_t at = next_[c].value.fetch_add(1, std::memory_order_relaxed);
        if (at < size_)
            samples_[c * size_ + at].store(ip, std::memory_order_relaxed);
    }

    /// Calls `each(ip)` for every sample, returns how many were lost, and empties the buffer.
    /// Context: control, after the grace period of its handler.
    template <class Each>
    std::uint64_t drain(Each each)
    {
        std::uint64_t lost = 0;
        for (std::size_t c = 0; c < next_.size(); ++c) {
            const std::uint64_t came = next_[c].value.exchange(0, std::memory_order_relaxed);
            const std::uint64_t taken = came < size_ ? came : size_;
            for (std::size_t i = 0; i < taken; ++i)
                each(samples_[c * size_ + i].load(std::memory_order_relaxed));
            lost += came - taken;
        }
        return lost;
    }

private:
    struct alignas(cacheline_size) cursor {
        std::atomic<std::uint64_t> value{0};
    };
    const std::size_t size_; ///< per vCPU
    std::vector<cursor> next_;
    std::vector<std::atomic<std::uintptr_t>> samples_;
};

/// The function of a checked handler whose job is a profile_buffer. Returns 1. Context: nmi.
/// Kernel: the callback of oprofile's nmi_timer_int.c, which samples and returns 1.
int profile_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

} // namespace nmisim
