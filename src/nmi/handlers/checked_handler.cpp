// SPDX-License-Identifier: MIT
#include "nmi/handlers/checked_handler.hpp"

#include "base/clock.hpp"
#include "nmi/irq/irq.hpp"

#include <algorithm>

namespace nmisim {
namespace {

constexpr std::uint64_t mix(std::uint64_t x) noexcept // splitmix64's finaliser
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// Returns the age seen, for the Reader Pipe.
int look(const checked_handler& h, int cpu, check_block& checks) noexcept
{
    // ordered by rcu_dereference
    const std::uint64_t generation = h.generation.load(std::memory_order_relaxed);
    checks[check::publish_order].looked();
    const std::uint64_t sum = sum_of(h.data);
    const bool torn = sum != h.data.sum;
    spin_for(h.hold_ns);
    // (1) acquire: canary after age; pairs with element_pool.cpp(1)
    const int age = h.age.load(std::memory_order_acquire);
    const std::uint64_t canary = h.canary.load(std::memory_order_relaxed);
    const std::uint64_t again = h.generation.load(std::memory_order_relaxed);

    checks[check::grace_period].looked();
    if (age >= 2 || canary != canary_alive || again != generation) [[unlikely]] {
        const char* what = age >= 2 ? "age of the handler seen (2 or more: its grace period had ended)"
                           : canary != canary_alive
                               ? "canary of the handler seen (poisoned: it was reclaimed)"
                               : "generation of the handler seen (it was used again)";
        const std::uint64_t observed = age >= 2                 ? static_cast<std::uint64_t>(age)
                                       : canary != canary_alive ? canary
                                                                : again;
        const std::uint64_t expected = age >= 2 ? 1 : canary != canary_alive ? canary_alive : generation;
        checks[check::grace_period].fail({now_ns(), cpu, generation, observed, expected, 0, what});
        return 2; // a reclaimed handler's data is poison: its sum says nothing more
    }
    if (torn) [[unlikely]]
        checks[check::publish_order].fail({now_ns(), cpu, generation, sum, h.data.sum, 0,
                                           "sum over the handler's data (seen before it was initialised)"});
    return std::clamp(age, 0, 1);
}

/// `Books`: those of NMI context (percpu) or of IRQ context (irq_cpu).
template <class Books>
void observe_in(const nmi_callback& callback, int cpu, Books& books) noexcept
{
    const auto& handler = static_cast<const checked_handler&>(callback);
    const std::uint64_t generation = handler.generation.load(std::memory_order_relaxed);
    const int age = look(handler, cpu, books.checks);
    ++books.age[static_cast<std::size_t>(age)];
    books.last_generation.set(generation);
}

} // namespace

std::uint64_t sum_of(const handler_data& data) noexcept
{
    std::uint64_t sum = 0;
    for (const std::uint64_t word : data.words)
        sum = sum * 31 + word;
    return sum;
}

handler_data make_handler_data(std::uint64_t generation) noexcept
{
    handler_data data{};
    for (std::size_t i = 0; i < data.words.size(); ++i)
        data.words[i] = mix(generation * 8 + i);
    data.sum = sum_of(data);
    return data;
}

checked_handler::checked_handler() noexcept : nmi_callback{checked_call}
{
    data.words.fill(canary_poison); // the sum, 0, does not fit: uninitialised data is seen as such
}

int checked_call(nmi_callback& self, const pt_regs&, int) noexcept
{
    percpu& cpu = *this_cpu;
    ++cpu.generations_run;
    observe(self, cpu);
    return 1;
}

void observe(nmi_callback& callback, percpu& cpu) noexcept
{
    observe_in(callback, cpu.cpunumber, cpu);
}

int checked_irq_call(nmi_callback& self, const pt_regs&, int) noexcept
{
    percpu& cpu = *this_cpu;
    ++cpu.irq->generations_run;
    observe_in_irq(self, cpu);
    return irq_handled;
}

void observe_in_irq(nmi_callback& callback, percpu& cpu) noexcept
{
    observe_in(callback, cpu.cpunumber, *cpu.irq);
}

void observe_from_task(nmi_callback& callback, percpu& cpu) noexcept
{
    look(static_cast<const checked_handler&>(callback), cpu.cpunumber, cpu.task_checks);
}

} // namespace nmisim
