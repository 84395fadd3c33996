// SPDX-License-Identifier: MIT
//
// Where NMIs come from besides the injector (which is source `sigqueue`): from the vCPUs themselves.
//
//   timer  each vCPU's own POSIX timer (timer_create, SIGEV_THREAD_ID), as the local APIC's
//   perf   each vCPU's own performance counter (perf_event cpu-clock, F_SETSIG): CPU time, not wall time
//   ipi    vCPUs raise NMIs on each other (machine/sources/ipi_source.hpp)
//
// A timer or counter belongs to a thread, so it is armed again each time its vCPU comes online:
//
//   start() --> armed on every vCPU that is online --> vCPU leaves: disarmed --> comes back: armed --> stop()
//
// Context: control, unless stated otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace nmisim {

class machine;
struct percpu;

enum class source_kind { sigqueue, timer, perf, ipi };
inline constexpr std::array all_source_kinds{source_kind::sigqueue, source_kind::timer, source_kind::perf,
                                             source_kind::ipi};
constexpr std::string_view name_of(source_kind s) noexcept
{
    constexpr std::string_view names[]{"sigqueue", "timer", "perf", "ipi"};
    static_assert(std::size(names) == all_source_kinds.size());
    return names[static_cast<std::size_t>(s)];
}

/// Faster, a vCPU's timer leaves it no time for anything else.
inline constexpr double most_timer_hz = 100'000;
/// A period of 10 us was seen to hang the process that it interrupts.
inline constexpr double most_perf_hz = 20'000;

/// What a vCPU's thread does when it comes and goes.
class cpu_source {
public:
    virtual ~cpu_source() = default;
    /// Context: the vCPU's thread, NMIs unblocked; may be interrupted by its own.
    virtual void cpu_online(percpu& cpu) noexcept = 0;
    /// The last signal may still come, or wait in the queue. Context: as above.
    virtual void cpu_leaving(percpu& cpu) noexcept = 0;
};

/// A source of the kernel's, one per vCPU. Errors of start(): std::system_error when the system refuses it to a
/// vCPU that is online; one that comes online later has none, and is counted in failed().
class nmi_source : public cpu_source {
public:
    /// No vCPU comes or goes meanwhile.
    virtual void start() = 0;
    /// No further expiration; those before have been sent.
    virtual void stop() noexcept = 0;
    /// Expirations that were due by the clock, while a vCPU had its timer; 0: not known. After stop().
    virtual std::uint64_t requested() const noexcept = 0;
    virtual std::uint64_t failed() const noexcept = 0;
};

/// `rate_hz`: per vCPU. The source is known to the machine until it is destroyed.
std::unique_ptr<nmi_source> make_timer_source(machine& m, double rate_hz);
std::unique_ptr<nmi_source> make_perf_source(machine& m, double rate_hz);

/// Why this system has no source `perf`, empty if it has.
std::string_view perf_refusal() noexcept;

/// After the sources have stopped: waits until what they had sent has been taken, by one more NMI on each vCPU
/// behind it (signals of one number are taken in order). False if that did not happen within `timeout_ns`.
[[nodiscard]] bool flush_sources(machine& m, std::uint64_t timeout_ns);

} // namespace nmisim
