// SPDX-License-Identifier: MIT
#include "faults/bad_handlers.hpp"

#include "base/clock.hpp"
#include "nmi/handlers/checked_handler.hpp"
#include "nmi/irq/irq.hpp"

#include <cstdlib>
#include <pthread.h>

namespace nmisim {
namespace {

// One run at a time in a process (run.hpp), so these can be the process's.
std::atomic<bad_deed> armed{nullptr};
std::atomic<machine*> victim{nullptr};
std::atomic<std::uint64_t> calls{0};
std::atomic<bool> stuck{false};
std::atomic<bool> released{false};
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // taken by lock_in_nmi only

/// Every 64th call is bad: NMIs still get through.
int misbehaving_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    if (calls.fetch_add(1, std::memory_order_relaxed) % 64 == 63)
        armed.load(std::memory_order_relaxed)(self, regs, cpu); // armed before the first NMI
    return static_cast<checked_handler&>(self).inner(self, regs, cpu);
}

} // namespace

namespace bad {

void malloc_in_nmi(nmi_callback&, const pt_regs&, int) noexcept
{
    void* volatile p = std::malloc(32); // volatile: the pair would be optimised away
    std::free(p);
}

void lock_in_nmi(nmi_callback&, const pt_regs&, int) noexcept
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}

void synchronize_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    check_block& checks = in_nmi() ? this_cpu->checks : this_cpu->irq->checks;
    const sync_result result = victim.load(std::memory_order_relaxed)->synchronize_rcu();
    checks[check::progress].looked();
    checks[check::progress].fail(
        {now_ns(), cpu, static_cast<checked_handler&>(self).generation.load(std::memory_order_relaxed),
         result == sync_result::refused_in_interrupt ? 1u : 0u, 0, instruction_pointer(regs),
         in_nmi() ? "synchronize_rcu calls in NMI context (refused: each would wait for its own NMI)"
                  : "synchronize_rcu calls in IRQ context (refused: each would wait for its own IRQ)"});
}

void stuck_handler(nmi_callback&, const pt_regs&, int) noexcept
{
    if (!stuck.exchange(true, std::memory_order_relaxed))
        while (!released.load(std::memory_order_relaxed)) {
        }
}

[[gnu::noinline]] void hard_lockup(const std::atomic<bool>& released_now) noexcept
{
    while (!released_now.load(std::memory_order_relaxed)) { // a flag, nothing with it
    }
}

} // namespace bad

nmi_function handler_function(bad_deed deed, nmi_function inner) noexcept
{
    return deed == nullptr ? inner : misbehaving_call;
}

void arm_bad_handlers(bad_deed deed, machine& m) noexcept
{
    armed.store(deed, std::memory_order_relaxed); // before the first NMI: the signal orders it
    victim.store(&m, std::memory_order_relaxed);  // as above
    calls.store(0, std::memory_order_relaxed);
    stuck.store(false, std::memory_order_relaxed);
    released.store(false, std::memory_order_relaxed);
}

void release_stuck_handlers() noexcept
{
    released.store(true, std::memory_order_relaxed); // a flag, nothing with it
}

} // namespace nmisim
