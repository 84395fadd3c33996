// SPDX-License-Identifier: MIT
//
// What a run is to do: a plain struct that the program fills from its options and a test by hand. Every quantity
// carries its unit. The enums list their values in `all_...` with a `name_of`. Options, completions, `nmi-sim list` and
// the reports take their names from there, so a value has one name everywhere.
#pragma once

#include "faults/fault.hpp"
#include "machine/sources/injector.hpp"
#include "machine/sources/nmi_source.hpp"
#include "nmisim/flavor.hpp"
#include "nmisim/machine_config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nmisim {

enum class reclaim { sync, call_rcu };
inline constexpr std::array all_reclaims{reclaim::sync, reclaim::call_rcu};
constexpr std::string_view name_of(reclaim r) noexcept
{
    return r == reclaim::sync ? "sync" : "call_rcu";
}

/// Where the controller runs: a thread of its own, or vCPU 0, where NMIs interrupt the publishing code itself.
enum class controller_place { thread, vcpu };
inline constexpr std::array all_controller_places{controller_place::thread, controller_place::vcpu};
constexpr std::string_view name_of(controller_place p) noexcept
{
    return p == controller_place::thread ? "thread" : "vcpu";
}

/// What a handler does besides checking itself.
enum class handler_kind {
    count,     ///< nothing; it may stay a while (hold_ns)
    profile,   ///< samples the interrupted instruction
    watchdog,  ///< finds a vCPU that spins with its interrupts off
    backtrace, ///< answers requests for a backtrace of all vCPUs
};
inline constexpr std::array all_handler_kinds{handler_kind::count, handler_kind::profile,
                                              handler_kind::watchdog, handler_kind::backtrace};
constexpr std::string_view name_of(handler_kind h) noexcept
{
    constexpr std::string_view names[]{"count", "profile", "watchdog", "backtrace"};
    static_assert(std::size(names) == all_handler_kinds.size());
    return names[static_cast<std::size_t>(h)];
}

struct run_config {
    machine_config machine;                                  ///< vCPUs, flavor, delivery, workload, signal
    injection inject;                                        ///< rate, arrivals
    std::vector<source_kind> sources{source_kind::sigqueue}; ///< each at inject.rate_hz, and no kind twice
    int chain = 0; ///< handlers churned on the LOCAL chain, beside the run's own; 0: no chain at all
    double irq_rate_hz = 1'000;                      ///< IRQs per second, line and vCPU (machine.irqs lines)
    bool swap = true;                                ///< false: --swap-interval never
    std::uint64_t swap_interval_ns = 10'000'000;     ///< 0 = back to back
    bool onoff = false;                              ///< vCPUs go offline and come back (hotplug)
    std::uint64_t onoff_interval_ns = 0;             ///< with onoff; 0 = back to back
    nmisim::reclaim reclaim = nmisim::reclaim::sync; ///< how an old handler's data is freed
    nmisim::controller_place controller_place = nmisim::controller_place::thread;
    handler_kind handler = handler_kind::count;
    std::uint64_t hold_ns = 0;       ///< --handler slow:TIME, time spent in each handler
    std::size_t profile_room = 4096; ///< --handler profile: samples per vCPU from one swap to the next
    std::uint64_t watchdog_thresh_ns = 1'000'000'000;    ///< --handler watchdog; the kernel's is 10 s
    std::uint64_t backtrace_interval_ns = 1'000'000'000; ///< --handler backtrace: time between two requests
    std::uint64_t nmi_longest_ns = 0; ///< report handlers that take at least so long; 0: none is timed
    nmisim::fault fault = nmisim::fault::none;       ///< the ingredient left out
    std::uint64_t duration_ns = 10'000'000'000;      ///< 0 = until asked to stop
    std::uint64_t stall_timeout_ns = 10'000'000'000; ///< no progress for so long is a violation of I7
    std::uint64_t seed = 1;
    std::size_t trace_limit = 0; ///< newest records kept for a timeline; 0: none is recorded
    bool keep_going = false;     ///< do not stop at the first failed check
};

} // namespace nmisim
