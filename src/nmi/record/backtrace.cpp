// SPDX-License-Identifier: MIT
#include "nmi/record/backtrace.hpp"

#include "base/errno_guard.hpp"
#include "nmi/percpu.hpp"
#include "runtime/entry/arrive.hpp"

namespace nmisim {

namespace {

/// The door of requests (runtime/entry/arrive.hpp).
struct backtrace_door {
    struct errno_kept : errno_guard {
        errno_kept(percpu&, const void*) noexcept {}
    };
    static percpu* here(int) noexcept { return this_cpu; }
    static bool take(percpu& cpu, const siginfo_t& info, void* context) noexcept
    {
        backtrace_request& own = *cpu.backtrace;
        if (info.si_code != SI_QUEUE || info.si_pid != cpu.domain->pid || info.si_value.sival_ptr != &own) {
            cpu.domain->strays.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        // The signal orders it; the asking thread may be reading the frames.
        if (own.count.load(std::memory_order_relaxed) >= 0)
            return true;
        const pt_regs regs{static_cast<const ucontext_t*>(context)};
        cpu.diagnosing = true; // unwinding takes the loader's lock: only for a machine that is stuck already
        const std::size_t n = unwind_interrupted(regs, own.frames.data(), own.frames.size());
        cpu.diagnosing = false;
        // (1) release: the frames; pairs with machine/vcpu_thread.cpp(6)
        own.count.store(static_cast<int>(n), std::memory_order_release);
        return true;
    }
};

} // namespace

void exc_backtrace(int signo, siginfo_t* info, void* context) noexcept
{
    runtime::arrive<backtrace_door>(signo, info, context);
}

} // namespace nmisim
