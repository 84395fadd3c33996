// SPDX-License-Identifier: MIT
//
// How long NMI handlers take. Kernel: nmi_check_duration() and nmi_longest_ns of arch/x86/kernel/nmi.c.
//
// A handler that takes at least nmi_longest_ns, and longer than ever before, is reported on standard error,
// rate-limited like every message of NMI context. A vCPU can lose its Linux CPU in the middle of a handler; in the
// kernel this cannot happen to an NMI. So the time that the thread itself ran is measured too, and the message says
// both.
//
// Context: nmi. Progress: wait-free; two clock reads and (with thread CPU time) two system calls per handler.
#pragma once

#include "base/clock.hpp"
#include "nmi/percpu.hpp"
#include "nmisim/callback.hpp"

namespace nmisim {

/// This thread's own time. Context: any; a system call.
std::uint64_t thread_cpu_ns() noexcept;

/// Reads the clocks when it is made and when it is asked.
class handler_stopwatch {
public:
    explicit handler_stopwatch(const nmi_domain& domain) noexcept
        : cpu_time_(domain.nmi_check_cpu_time.load(std::memory_order_relaxed)), // a knob
          begin_ns_(now_ns()), begin_cpu_ns_(cpu_time_ ? thread_cpu_ns() : 0)
    {}
    /// Books the time since then to `record`, and reports it if it is a new one. Kernel: nmi_check_duration().
    void check_duration(duration_record& record, const char* name, nmi_domain& domain) const noexcept;

private:
    bool cpu_time_;
    std::uint64_t begin_ns_; // outside of the other: wall time is never the smaller one
    std::uint64_t begin_cpu_ns_;
};

/// `Call` with its duration checked, for a handler that is published without a chain. Chosen when a machine is
/// set up: an NMI whose handlers are not timed pays nothing.
template <nmi_function Call>
int timed_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    nmi_domain& domain = *this_cpu->domain;
    const handler_stopwatch watch(domain);
    const int handled = Call(self, regs, cpu);
    watch.check_duration(domain.duration, domain.handler_name, domain);
    return handled;
}

} // namespace nmisim
