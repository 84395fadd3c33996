// SPDX-License-Identifier: MIT
#include "faults/bad_handlers.hpp"

#include "base/clock.hpp"
#include "nmi/handlers/checked_handler.hpp"
#include "nmi/irq/irq.hpp"

#include <atomic>
#include <cstdlib>
#include <pthread.h>

namespace nmisim {
namespace {

// One run at a time in a process (run.hpp), so these can be the process's.
std::atomic<machine*> victim{nullptr};
std::atomic<std::uint64_t> calls{0};
std::atomic<bool> stuck{false};
std::atomic<bool> released{false};
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // taken by lock_in_nmi only

/// True for every 64th call: bad, and still letting NMIs through.
bool my_turn() noexcept
{
    return calls.fetch_add(1, std::memory_order_relaxed) % 64 == 63;
}

[[gnu::always_inline]] inline void allocate() noexcept
{
    if (my_turn()) {
        void* volatile p = std::malloc(32); // volatile: the pair would be optimised away
        std::free(p);
    }
}

[[gnu::always_inline]] inline void take_lock() noexcept
{
    if (my_turn()) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

void wait_for_itself(nmi_callback& self, const pt_regs& regs, int cpu, check_block& checks,
                     const char* what) noexcept
{
    if (!my_turn())
        return;
    const sync_result result = victim.load(std::memory_order_relaxed)->synchronize_rcu();
    checks[check::progress].looked();
    checks[check::progress].fail(
        {now_ns(), cpu, static_cast<checked_handler&>(self).generation.load(std::memory_order_relaxed),
         result == sync_result::refused_in_nmi ? 1u : 0u, 0, instruction_pointer(regs), what});
}

void be_stuck() noexcept
{
    if (my_turn() && !stuck.exchange(true, std::memory_order_relaxed))
        while (!released.load(std::memory_order_relaxed)) {
        }
}

} // namespace

// Named, not anonymous: reports tell which function did it, and take the name from the dynamic symbol table.
namespace bad {

int malloc_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    allocate();
    return inner_call(self, regs, cpu);
}

int malloc_in_irq(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    allocate();
    return checked_irq_call(self, regs, cpu);
}

int lock_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    take_lock();
    return inner_call(self, regs, cpu);
}

int lock_in_irq(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    take_lock();
    return checked_irq_call(self, regs, cpu);
}

int synchronize_in_nmi(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    wait_for_itself(self, regs, cpu, this_cpu->checks,
                    "synchronize_rcu calls in NMI context (refused: each would wait for its own NMI)");
    return inner_call(self, regs, cpu);
}

int synchronize_in_irq(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    wait_for_itself(self, regs, cpu, this_cpu->irq->checks,
                    "synchronize_rcu calls in IRQ context (refused: each would wait for its own IRQ)");
    return checked_irq_call(self, regs, cpu);
}

int stuck_handler(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    be_stuck();
    return inner_call(self, regs, cpu);
}

int stuck_irq_handler(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    be_stuck();
    return checked_irq_call(self, regs, cpu);
}

[[gnu::noinline]] void hard_lockup(const std::atomic<bool>& released_now) noexcept
{
    while (!released_now.load(std::memory_order_relaxed)) { // a flag, nothing with it
    }
}

} // namespace bad

nmi_function handler_function(fault f, nmi_function inner) noexcept
{
    switch (f) {
    case fault::malloc_in_nmi: return bad::malloc_in_nmi;
    case fault::lock_in_nmi: return bad::lock_in_nmi;
    case fault::synchronize_in_nmi: return bad::synchronize_in_nmi;
    case fault::stuck_handler: return bad::stuck_handler;
    default: return inner;
    }
}

nmi_function irq_handler_function(fault f) noexcept
{
    switch (f) {
    case fault::malloc_in_nmi: return bad::malloc_in_irq;
    case fault::lock_in_nmi: return bad::lock_in_irq;
    case fault::synchronize_in_nmi: return bad::synchronize_in_irq;
    case fault::stuck_handler: return bad::stuck_irq_handler;
    default: return checked_irq_call;
    }
}

void arm_bad_handlers(machine& m) noexcept
{
    victim.store(&m, std::memory_order_relaxed); // before the first NMI: the signal orders it
    calls.store(0, std::memory_order_relaxed);
    stuck.store(false, std::memory_order_relaxed);
    released.store(false, std::memory_order_relaxed);
}

void release_stuck_handlers() noexcept
{
    released.store(true, std::memory_order_relaxed); // a flag, nothing with it
}

} // namespace nmisim
