// SPDX-License-Identifier: MIT
//
// NMIs that "interrupt" an address of the test's choice: do_nmi is called by hand on the vCPU's own thread, one
// at a time and with a made-up context. What a dispatcher does with the interrupted ip is then a sequential program,
// and its test does not depend on luck.
#pragma once

#include "base/clock.hpp"
#include "machine/machine_state.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sched.h>

namespace nmisim::test {

inline void set_instruction_pointer(ucontext_t& uc, std::uintptr_t ip) noexcept
{
#if defined(__x86_64__)
    uc.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(ip);
#else
    uc.uc_mcontext.pc = ip;
#endif
}

/// What a test wants run on the vCPU; used as its workload, one call after the other.
class on_vcpu {
public:
    /// Install as machine_config::custom_workload before the machine is built.
    std::function<void(vcpu&)> workload()
    {
        return [this](vcpu&) {
            if (!asked_.load(std::memory_order_acquire)) {
                sched_yield();
                return;
            }
            job_();
            asked_.store(false, std::memory_order_release);
        };
    }
    /// Runs `job` on the vCPU and waits for it; a vCPU that does not come to its end, or to the job, ends the test.
    void run(std::function<void()> job)
    {
        job_ = std::move(job);
        asked_.store(true, std::memory_order_release);
        const std::uint64_t deadline_ns = now_ns() + patience_ns;
        while (asked_.load(std::memory_order_acquire)) {
            if (now_ns() > deadline_ns) { // the job uses what the caller would unwind: no exception
                std::fputs("on_vcpu: the vCPU has not done its job within a minute\n", stderr);
                std::abort();
            }
            sched_yield();
        }
    }

private:
    static constexpr std::uint64_t patience_ns = 60 * nsec_per_sec;
    std::function<void()> job_;
    std::atomic<bool> asked_{false};
};

/// One NMI that interrupts `ip`. Context: on the vCPU.
inline nmi_outcome nmi_at(machine& m, std::uintptr_t ip)
{
    ucontext_t uc{};
    set_instruction_pointer(uc, ip);
    this_cpu->defaults_run = 0;
    return internals(m).entry.do_nmi(pt_regs{&uc});
}

} // namespace nmisim::test
