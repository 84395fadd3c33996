// SPDX-License-Identifier: MIT
//
// What an NMI does with chains of handlers: default_do_nmi() of today's kernels (arch/x86/kernel/nmi.c), as
// one callback. The control side (src/machine/nmi_chain_registry) builds the tables; here they are only read.
//
//   same ip as the last NMI?   yes: back-to-back, nothing ran in between. no: forget `swallow`
//   LOCAL chain sum > 0: done. sum > 1: the latched NMI after this one may find nothing: set `swallow`
//   reason byte    SERR before IO_CHECK, one of them per NMI; the bit is claimed by whoever clears it
//   unknown        back-to-back and `swallow`: its event has been served already, stay silent.
//                  otherwise the UNKNOWN chain, and if nobody there claims it, the default action
//
// LOCAL comes first because only this CPU can notice a CPU-local NMI. The known hole is kept: a genuine unknown NMI
// that merges with one of several events is swallowed.
//
// The kernel polls the reason port under a trylock. A vCPU can be preempted while it holds a lock. So here the bit
// itself is the lock: one atomic and-not takes it.
//
// Context: nmi. Progress: wait-free but for the handlers and a rate-limited write(2).
#pragma once

#include "nmi/percpu.hpp"
#include "nmisim/nmi_chain.hpp"

#include <array>
#include <span>

namespace nmisim {

inline constexpr std::size_t nmi_type_count = all_nmi_types.size();

/// One registered handler. Kernel: struct nmiaction.
struct nmi_action {
    nmi_callback* handler = nullptr;
    std::array<char, 32> name{};
    duration_record duration;
};

/// The function of nmi_chains: 0 if nobody claimed the NMI.
int dispatch_chains(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

/// All chains of a machine. Immutable once published.
struct nmi_chains : nmi_callback {
    nmi_chains() noexcept : nmi_callback{dispatch_chains} {}
    std::array<std::span<nmi_action* const>, nmi_type_count> of_type{};
};

/// Calls every handler on the chain, or the emergency handler; returns the sum of the answers.
/// Kernel: nmi_handle().
int nmi_handle(const nmi_chains& chains, nmi_type type, const pt_regs& regs, percpu& cpu) noexcept;

} // namespace nmisim
