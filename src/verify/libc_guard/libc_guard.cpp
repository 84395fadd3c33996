// SPDX-License-Identifier: MIT
#include "verify/libc_guard/libc_guard.hpp"

#include "base/clock.hpp"
#include "nmi/irq/irq.hpp"
#include "nmi/percpu.hpp"
#include "nmisim/context.hpp"

#include <atomic>

namespace nmisim {
namespace {
std::atomic<bool> active{false};
}

bool libc_guard_active() noexcept
{
    return active.load(std::memory_order_relaxed); // set before main
}

void libc_guard_is_here() noexcept
{
    active.store(true, std::memory_order_relaxed);
}

bool libc_guard_report(const char* function, const void* caller) noexcept
{
    if (!in_irq() || this_cpu->diagnosing) [[likely]]
        return false;
    percpu& cpu = *this_cpu;
    check_block& checks = in_nmi() ? cpu.checks : cpu.irq->checks; // each context has its own
    checks[check::signal_safety].fail({now_ns(), cpu.cpunumber, cpu.last_generation.read(), 1, 0,
                                       reinterpret_cast<std::uintptr_t>(caller), function});
    return true;
}

} // namespace nmisim
