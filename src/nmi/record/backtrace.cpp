// SPDX-License-Identifier: MIT
#include "nmi/record/backtrace.hpp"

#include "base/errno_guard.hpp"
#include "nmi/percpu.hpp"
#include "runtime/entry/forward.hpp"

namespace nmisim {

void exc_backtrace(int signo, siginfo_t* info, void* context) noexcept
{
    percpu* const cpu = this_cpu;
    if (cpu == nullptr) // late or foreign, as in exc_nmi
        return runtime::forward(signo, info, context);
    backtrace_request& own = *cpu->backtrace;
    if (info->si_code != SI_QUEUE || info->si_pid != cpu->domain->pid || info->si_value.sival_ptr != &own) {
        const errno_guard guard;
        cpu->domain->strays.fetch_add(1, std::memory_order_relaxed);
        return runtime::forward(signo, info, context);
    }
    // The signal orders it; the asking thread may be reading the frames.
    if (own.count.load(std::memory_order_relaxed) >= 0)
        return;
    const errno_guard guard;
    const pt_regs regs{static_cast<const ucontext_t*>(context)};
    cpu->diagnosing = true; // unwinding takes the loader's lock: only for a machine that is stuck already
    const std::size_t n = unwind_interrupted(regs, own.frames.data(), own.frames.size());
    cpu->diagnosing = false;
    // (1) release: the frames; pairs with machine/vcpu_thread.cpp(6)
    own.count.store(static_cast<int>(n), std::memory_order_release);
}

} // namespace nmisim
