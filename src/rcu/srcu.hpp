// SPDX-License-Identifier: MIT
//
// Flavor srcu: readers that nobody registers, counted in a domain (rcu/srcu_counter.hpp). Two locked adds a section; a grace
// period adds up the counters of its own domain and waits for nobody else's readers (rcu/srcu_grace_period.hpp).
//
// A machine has one domain. Its NMIs, its IRQs and its task-level readers count in it, because synchronize_rcu() waits for all
// of them: a domain for each would be so many grace periods in turn. Another machine has another.
//
// Context: any, on any thread. Progress: wait-free.
#pragma once

#include "base/counter.hpp"
#include "nmisim/flavor.hpp"
#include "rcu/rcu.hpp"
#include "rcu/srcu_grace_period.hpp"

#include "add_then_fence.hpp" // base/<cpu family>
#include "annotations.hpp"    // rcu/annotations_*

#include <mutex>
#include <sched.h>

namespace nmisim::rcu {

/// What flavor srcu needs of the machine. The model test has another one of these.
struct srcu_platform {
    template <class T>
    using atomic = std::atomic<T>;
    template <class T>
    using plain = T;
    using mutex = std::mutex;

    static constexpr std::size_t line_size = cacheline_size;

    /// Only a hint: the thread may be on another one by the time it counts. glibc reads it from the thread's rseq area,
    /// older ones ask the vDSO; both are async-signal-safe. If the kernel does not know, it is the last line for all.
    static unsigned current_cpu() noexcept { return static_cast<unsigned>(sched_getcpu()); }
    /// `order` says what it is: seq_cst.
    static void add_then_fence(std::atomic<std::uint64_t>& number, std::memory_order) noexcept
    {
        nmisim::add_then_fence(number);
    }
    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }
    /// Before the updater looks for the round-th time again. Context: control, vcpu.
    static void pause(unsigned round) noexcept;
};

/// More CPUs than these share lines.
inline constexpr std::size_t srcu_lines = 64;

template <class Orders>
struct basic_srcu {
    static constexpr flavor id = flavor::srcu;

    /// What nmi_exit must undo: where the section counts.
    struct nmi_mark {
        srcu_count<srcu_platform>* count = nullptr;
    };
    static nmi_mark nmi_enter(rcu_domain& domain) noexcept;
    static void nmi_exit(nmi_mark mark) noexcept
    {
        section_ends();
        leave_section<srcu_platform, Orders>(*mark.count);
    }
};

struct srcu : basic_srcu<srcu_orders> {};

} // namespace nmisim::rcu

namespace nmisim {

struct rcu_domain {
    rcu::srcu_grace_period<rcu::srcu_platform, rcu::srcu_orders, rcu::srcu_lines> grace_periods;

    /// Lines for the CPUs that there are. Context: control.
    rcu_domain();
    /// Context: control, vcpu outside of sections.
    void synchronize();
};

template <class Orders>
inline typename rcu::basic_srcu<Orders>::nmi_mark
rcu::basic_srcu<Orders>::nmi_enter(rcu_domain& domain) noexcept
{
    return {&enter_section<srcu_platform, Orders>(domain.grace_periods.readers())};
}

} // namespace nmisim
