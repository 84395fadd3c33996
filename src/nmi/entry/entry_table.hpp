// SPDX-License-Identifier: MIT
//
// Fills nmi_entry_of's table for one flavor. Included by entry_<flavor>.cpp only.
#pragma once

#include "nmi/entry/entry.hpp"
#include "nmi/entry/entry_policy.hpp"
#include "nmi/entry/exc_nmi.hpp"
#include "nmi/entry/nesting.hpp"
#include "nmi/irq/do_irq.hpp"

namespace nmisim {

template <class Rcu, class Entry, class Count>
constexpr nmi_entry make_nmi_entry() noexcept
{
    return {exc_nmi<Rcu, Entry, Count>, do_nmi<Rcu, Entry, Count>, exc_irq<Rcu, Entry>};
}

template <class Rcu, class Count>
nmi_entry make_nesting_entry(entry_kind kind) noexcept
{
    nmi_entry entry = make_nmi_entry<Rcu, entry_correct, Count>();
    if (kind == entry_kind::latched)
        entry.exc_nmi = exc_nmi_latched<Rcu, entry_correct, Count>;
    else if (kind == entry_kind::nested)
        entry.exc_nmi = exc_nmi_nested<Rcu, entry_correct, Count>;
    else if (kind == entry_kind::nested_stack)
        entry.exc_nmi = exc_nmi_nested<Rcu, entry_nested_stack, Count>;
    return entry;
}

template <class Rcu>
nmi_entry make_nmi_entry(entry_kind kind, percpu_form form) noexcept
{
    if (form == percpu_form::array)
        return make_nesting_entry<Rcu, count_in_array>(kind);
    switch (kind) {
    case entry_kind::correct: return make_nmi_entry<Rcu, entry_correct, count_in_pda>();
    case entry_kind::no_read_lock: return make_nmi_entry<Rcu, entry_no_read_lock, count_in_pda>();
    case entry_kind::leak_pointer: return make_nmi_entry<Rcu, entry_leak_pointer, count_in_pda>();
    case entry_kind::unbalanced_exit: return make_nmi_entry<Rcu, entry_unbalanced_exit, count_in_pda>();
    case entry_kind::drop_latched: return make_nmi_entry<Rcu, entry_drop_latched, count_in_pda>();
    case entry_kind::clobber_errno: return make_nmi_entry<Rcu, entry_clobber_errno, count_in_pda>();
    case entry_kind::no_reader_fence: // another reader, not another entry
    case entry_kind::latched:
    case entry_kind::nested:
    case entry_kind::nested_stack: break;
    }
    return make_nesting_entry<Rcu, count_in_pda>(kind);
}

nmi_entry nmi_entry_memb(entry_kind kind, percpu_form form) noexcept;
nmi_entry nmi_entry_memb_forced(entry_kind kind, percpu_form form) noexcept; ///< membarrier(2) is there
nmi_entry nmi_entry_mb(entry_kind kind, percpu_form form) noexcept;
nmi_entry nmi_entry_bp(entry_kind kind, percpu_form form) noexcept;
nmi_entry nmi_entry_qsbr(entry_kind kind, percpu_form form) noexcept;
nmi_entry nmi_entry_nmi(entry_kind kind, percpu_form form) noexcept;
nmi_entry nmi_entry_srcu(entry_kind kind, percpu_form form) noexcept;

} // namespace nmisim
