// SPDX-License-Identifier: MIT
#include "explore/replay/hold.hpp"

#include "explore/step/arch.hpp"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

constexpr std::uint32_t hold_free = 0;
constexpr std::uint32_t hold_held = 1;
constexpr std::uint32_t hold_released = 2;

constinit hold_order* held_by_order = nullptr;
constinit int threads_inside = 0;

} // namespace

std::uint32_t hold_order::best() const noexcept
{
    return with_two != 0 ? with_two : contexts.load(std::memory_order_relaxed); // its writer has ended
}

bool hold_order::is_held() const noexcept
{
    // (1) acquire: pid is set; pairs with (2)
    return state.load(std::memory_order_acquire) == hold_held;
}

void hold_order::release() noexcept
{
    state.store(hold_released, std::memory_order_relaxed); // nothing else is handed over
    arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&state), FUTEX_WAKE, 1);
}

void run_begins(hold_order* order) noexcept
{
    held_by_order = order;
    if (order == nullptr)
        return;
    order->contexts.store(0, std::memory_order_relaxed); // this thread's; read after the end of this process
    order->with_two = 0;
}

void count_inside(int change) noexcept
{
    threads_inside += change;
}

void context_begins() noexcept
{
    hold_order* const order = held_by_order;
    if (order == nullptr)
        return;
    const std::uint32_t n = order->contexts.fetch_add(1, std::memory_order_relaxed) + 1; // as above
    if (threads_inside > 1)
        order->with_two = n;
    if (n != order->before)
        return;
    order->before = 0;                                                                       // once
    arch::raw_system_call(SYS_prctl, PR_SET_PTRACER, static_cast<long>(PR_SET_PTRACER_ANY)); // a debugger
    order->pid = static_cast<int>(arch::raw_system_call(SYS_getpid));
    order->state.store(hold_held, std::memory_order_release); // (2) release: pid is set; pairs with (1)
    while (order->state.load(std::memory_order_relaxed) == hold_held)
        arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&order->state), FUTEX_WAIT, hold_held);
    order->state.store(hold_free, std::memory_order_relaxed); // as above
}

} // namespace nmisim::explore
