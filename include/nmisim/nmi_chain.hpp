// SPDX-License-Identifier: MIT
//
// Chains of NMI handlers by type, as kernels have had them since 2011 (asm/nmi.h, arch/x86/kernel/nmi.c):
//
//     auto perf = nmisim::register_nmi_handler(m, nmi_type::local, [...](const pt_regs&, int cpu) noexcept {...},
//                                              0, "PMI");
//     ...
//     perf.unregister();   // or the end of the token: returns after a grace period
//
// All chains of a machine are one immutable object behind the one RCU-published pointer of 2005: a registration
// copies it, adds the handler, exchange()s it in and frees the old one after a grace period. An NMI sees one
// state of all chains, from its first handler to its last.
//
// exchange() and the chains of a machine exclude each other: while a handler is registered exchange() is
// `refused_by_chains`, and while exchange() has published one registering is refused (EBUSY).
//
// set_nmi_callback() is the interface of 2005, below the chains: what it publishes takes all chains off the machine,
// registering is refused meanwhile, and registrations end without touching it. When dummy_nmi_callback is back, the next
// registration brings back all.
//
// An NMI asks, in this order: the LOCAL chain; the reason byte (SERR before IO_CHECK); the UNKNOWN chain. On a chain
// *every* handler is called and their answers are summed: NMIs are edge-triggered, so two events may have arrived as
// one. An NMI that nobody claims goes to the default action.
#pragma once

#include "nmisim/callback.hpp"
#include "nmisim/export.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/registration.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nmisim {

/// What an NMI may be about. Kernel: NMI_LOCAL, NMI_UNKNOWN, NMI_SERR, NMI_IO_CHECK.
enum class nmi_type : std::uint8_t { local, unknown, serr, io_check };
inline constexpr std::array all_nmi_types{nmi_type::local, nmi_type::unknown, nmi_type::serr,
                                          nmi_type::io_check};
constexpr std::string_view name_of(nmi_type t) noexcept
{
    switch (t) {
    case nmi_type::local: return "local";
    case nmi_type::unknown: return "unknown";
    case nmi_type::serr: return "serr";
    case nmi_type::io_check: return "io_check";
    }
    return "?";
}

/// A chained handler's answer; more than 1: "I served that many events".
inline constexpr int nmi_done = 0;
inline constexpr int nmi_handled = 1;

/// At the head of its chain instead of its tail. Kernel: NMI_FLAG_FIRST.
inline constexpr unsigned nmi_flag_first = 1;

/// Pre-empts a whole chain while it is set. Context: nmi.
using nmi_emergency_function = int (*)(nmi_type type, const pt_regs& regs) noexcept;

/// A handler's place on a chain.
class NMISIM_API nmi_registration : public registration {
public:
    /// Takes the handler off its chain; when it returns, no NMI runs it any more and its data may go.
    ///
    /// Context: control. In NMI context it would wait for itself: refused (the kernel WARNs). Ordering: after `done` the
    /// caller sees what it stored. Kernel: unregister_nmi_handler(), which looks for a *name* and can pick the wrong twin.
    sync_result unregister() { return end(); }

    /// Longest that a call of this handler has taken, of those at least nmi_longest_ns long. Context: control, not
    /// concurrently with unregister() or replace() of this registration.
    std::uint64_t max_duration_ns() const noexcept;
    /// Thread CPU time of that call: less if the vCPU did not run all the time.
    std::uint64_t max_duration_cpu_ns() const noexcept;
};

/// Registers a handler that the caller keeps owning until the registration has ended.
///
/// Context: control; returns after a grace period. Ordering: release. Errors, in registration::error(): EINVAL: the handler
/// was null or on a chain already; EBUSY: somebody has published a callback with set_nmi_callback() or exchange(). Each is
/// a bug of the caller. Kernel: register_nmi_handler().
[[nodiscard]] NMISIM_API nmi_registration register_nmi_handler(machine& m, nmi_type type,
                                                               nmi_callback& handler, unsigned flags,
                                                               std::string_view name);
[[nodiscard]] NMISIM_API nmi_registration register_nmi_handler(machine& m, nmi_type type, nmi_handler handler,
                                                               unsigned flags, std::string_view name);

/// Registers a handler made of `f`, see make_nmi_handler().
template <class F>
requires std::is_nothrow_invocable_r_v<int, F&, const pt_regs&, int>
[[nodiscard]] nmi_registration register_nmi_handler(machine& m, nmi_type type, F f, unsigned flags,
                                                    std::string_view name)
{
    return register_nmi_handler(m, type, make_nmi_handler(std::move(f)), flags, name);
}

/// Sets the handler that is called instead of the whole chain of `type`; null: the chain again.
///
/// Context: any, NMI included. Progress: lock-free. Ordering: release. It is for code that runs in an NMI and cannot
/// register: registering takes a lock and waits. Kernel: set_emergency_nmi_handler() of 2025.
NMISIM_API void set_emergency_nmi_handler(machine& m, nmi_type type,
                                          nmi_emergency_function function) noexcept;

/// NMIs are counted but not dispatched to chains until as many restart_nmi() were called. Context: any. Ordering: none.
/// Kernel: stop_nmi(), restart_nmi(). A callback that is published without chains is not stopped.
NMISIM_API void stop_nmi(machine& m) noexcept;
NMISIM_API void restart_nmi(machine& m) noexcept;

/// A chained handler that takes at least this long, and longer than it ever did, is reported by a message
/// (rate-limited). `cpu_time`: also measure thread CPU time, at two system calls per handler.
/// Context: control. Kernel: debugfs x86/nmi_longest_ns, default 1 ms.
NMISIM_API void set_nmi_longest_ns(machine& m, std::uint64_t longest_ns, bool cpu_time = true) noexcept;

} // namespace nmisim
