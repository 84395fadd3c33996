// SPDX-License-Identifier: MIT
#include "nmi/record/backtrace.hpp"

#include "base/errno_guard.hpp"
#include "nmi/percpu.hpp"

namespace nmisim {

void exc_backtrace(int, siginfo_t* info, void* context) noexcept
{
    if (info->si_code != SI_QUEUE || this_cpu == nullptr || info->si_pid != this_cpu->domain->pid)
        return;
    const errno_guard guard;
    auto* request = static_cast<backtrace_request*>(info->si_value.sival_ptr);
    const pt_regs regs{static_cast<const ucontext_t*>(context)};
    this_cpu->diagnosing = true; // unwinding takes the loader's lock: for a machine that stands still already
    const std::size_t n = unwind_interrupted(regs, request->frames.data(), request->frames.size());
    this_cpu->diagnosing = false;
    // (1) release: the frames; pairs with machine/vcpu_thread.cpp(6)
    request->count.store(static_cast<int>(n), std::memory_order_release);
}

} // namespace nmisim
