// SPDX-License-Identifier: MIT
//
// The RCU flavors a machine can be built on: four of liburcu's and two of its own. All of them carry readers in NMI context here; what liburcu
// itself promises differs (README of liburcu, "Interaction with signals"):
//
//   memb  readers in a handler allowed; a grace period costs two membarrier(2) while a reader runs
//   mb    readers in a handler allowed; each read side pays memory barriers, grace periods are cheap
//   bp    not mentioned there; the reader registers itself, which can deadlock in a thread's exit. A vCPU
//         keeps its NMI blocked from going offline until its thread has ended, which closes that hole
//   qsbr  advised against there; nmi_enter() brings an offline vCPU online for the length of the NMI, as the
//         kernel's ct_nmi_enter() does, and vCPUs announce their quiescent states
//   nmi   not liburcu's: the counters of nmi_enter() and nmi_exit() themselves. A read side costs one locked
//         instruction, a grace period one look at each counter (src/rcu/nmi_counter.hpp)
//   srcu  not liburcu's: readers count in a domain, the machine's, and need not be registered. A read side costs two
//         locked instructions; a grace period adds up the domain's counters, and no other machine's readers delay it
//         (src/rcu/srcu/counter.hpp)
#pragma once

#include <array>
#include <string_view>

namespace nmisim {

enum class flavor { memb, mb, bp, qsbr, nmi, srcu };

inline constexpr std::array all_flavors{flavor::memb, flavor::mb,  flavor::bp,
                                        flavor::qsbr, flavor::nmi, flavor::srcu};

constexpr std::string_view name_of(flavor f) noexcept
{
    switch (f) {
    case flavor::memb: return "memb";
    case flavor::mb: return "mb";
    case flavor::bp: return "bp";
    case flavor::qsbr: return "qsbr";
    case flavor::nmi: return "nmi";
    case flavor::srcu: return "srcu";
    }
    return "?";
}

} // namespace nmisim
