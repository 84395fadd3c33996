// SPDX-License-Identifier: MIT
//
// A flavor's read_lock and read_unlock, and its nmi_enter and nmi_exit, inlined into a loop: what the pair costs without
// a call. One translation unit per flavor, because liburcu's headers require it.
#pragma once

#include "nmi/context_tracking.hpp"
#include "nmisim/flavor.hpp"

namespace nmisim::bench {

using read_pairs = void (*)(unsigned count) noexcept;

template <class Rcu>
inline void repeat_read_pairs(unsigned count) noexcept
{
    for (unsigned i = 0; i < count; ++i) {
        Rcu::read_lock();
        asm volatile("" ::: "memory"); // the section
        Rcu::read_unlock();
    }
}

/// As do_nmi has them: the exit is told what the entry found.
template <class Rcu>
inline void repeat_nmi_pairs(unsigned count) noexcept
{
    percpu& self = *this_cpu;
    for (unsigned i = 0; i < count; ++i) {
        const auto mark = interrupt_reader<Rcu>::enter(self, nmi_offset + hardirq_offset);
        asm volatile("" ::: "memory"); // the section
        interrupt_reader<Rcu>::exit(self, mark, one_nmi - (nmi_offset + hardirq_offset));
    }
}

void read_pairs_liburcu_mb(unsigned count) noexcept;
void read_pairs_memb(unsigned count) noexcept;
void read_pairs_mb(unsigned count) noexcept;
void read_pairs_bp(unsigned count) noexcept;
void read_pairs_qsbr(unsigned count) noexcept;
void read_pairs_nmi(unsigned count) noexcept;
void read_pairs_srcu(unsigned count) noexcept;
void nmi_pairs_memb(unsigned count) noexcept;
void nmi_pairs_mb(unsigned count) noexcept;
void nmi_pairs_bp(unsigned count) noexcept;
void nmi_pairs_qsbr(unsigned count) noexcept;
void nmi_pairs_nmi(unsigned count) noexcept;
void nmi_pairs_srcu(unsigned count) noexcept;

constexpr read_pairs read_pairs_of(flavor f) noexcept
{
    switch (f) {
    case flavor::memb: return read_pairs_memb;
    case flavor::mb: return read_pairs_mb;
    case flavor::bp: return read_pairs_bp;
    case flavor::qsbr: return read_pairs_qsbr;
    case flavor::nmi: return read_pairs_nmi;
    case flavor::srcu: return read_pairs_srcu;
    }
    return nullptr;
}

constexpr read_pairs nmi_pairs_of(flavor f) noexcept
{
    switch (f) {
    case flavor::memb: return nmi_pairs_memb;
    case flavor::mb: return nmi_pairs_mb;
    case flavor::bp: return nmi_pairs_bp;
    case flavor::qsbr: return nmi_pairs_qsbr;
    case flavor::nmi: return nmi_pairs_nmi;
    case flavor::srcu: return nmi_pairs_srcu;
    }
    return nullptr;
}

} // namespace nmisim::bench
