// SPDX-License-Identifier: MIT
//
// What flavor nmi needs of the machine: atomics, a mutex, one addition with a full fence, and a way to sleep. The
// model test has another one of these.
//
// The sleep. A reader's exit is a plain addition and then a plain load of `awaited`. On every architecture the
// load may be done before the store is visible, so that a reader can overlook an updater that has just gone
// to sleep: without a fence in each exit nothing can rule that out. The updater therefore never sleeps for ever
// but looks again, after 1 ms and then half as often each time. That costs time in a window of a store
// buffer's length, and never correctness.
#pragma once

#include "base/counter.hpp"
#include "rcu/nmi_counter.hpp"

#include "add_then_fence.hpp"   // base/<cpu family>
#include "store_then_fence.hpp" // base/<cpu family>

#include <mutex>

namespace nmisim::rcu {

struct nmi_platform {
    template <class T>
    using atomic = std::atomic<T>;
    template <class T>
    using plain = T;
    using mutex = std::mutex;
    using reader = nmi_reader<nmi_platform>;
    using counting = counting_platform;

    static constexpr std::size_t line_size = cacheline_size;
    /// About what it takes to sleep and be woken.
    static constexpr unsigned spins = 1000;

    /// `order` says what it is: seq_cst.
    static void add_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order) noexcept
    {
        nmisim::add_then_fence(word, n);
    }
    /// One instruction. `order` says what it is: release.
    static void add_in_order(std::atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order) noexcept
    {
        this_cpu_add_release(word, n);
    }
    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }
    static void relax() noexcept { nmisim::relax(); }

    /// Context: any, NMI included; errno is kept.
    static void wake(reader& self) noexcept;
    /// Context: control, vcpu.
    static void sleep_until_ended(reader& r, std::uint64_t word, bool (*ended)(const reader&, std::uint64_t));
};

using hardware_reader = nmi_reader<nmi_platform>;

} // namespace nmisim::rcu
