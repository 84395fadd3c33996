// SPDX-License-Identifier: MIT
//
// Flavor srcu: readers that nobody registers, counted in a domain (rcu/srcu/counter.hpp). Two locked adds a section; a grace
// period looks at the counters of its own domain and waits for nobody else's readers (rcu/srcu/grace_period.hpp).
//
// A machine has one domain. Its NMIs, its IRQs and its task-level readers count in it, because synchronize_rcu() waits for all
// of them: a domain for each would be so many grace periods in turn. Another machine has another.
//
// Context: any, on any thread. Progress: wait-free.
#pragma once

#include "nmisim/flavor.hpp"
#include "rcu/rcu.hpp"
#include "rcu/srcu/grace_period.hpp"
#include "rcu/srcu/platform.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {

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

struct srcu_no_reader_fence : srcu_orders {
    static constexpr bool reader_fence = false;
};
/// Fault no-reader-fence.
struct unfenced_srcu : basic_srcu<srcu_no_reader_fence> {};

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
