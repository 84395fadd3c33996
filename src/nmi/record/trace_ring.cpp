// SPDX-License-Identifier: MIT
#include "nmi/record/trace_ring.hpp"

#include "nmi/entry/exc_nmi.hpp"

#include <algorithm>

namespace nmisim {

constinit __thread trace_ring* this_trace __attribute__((tls_model("initial-exec"))) = nullptr;

void trace_ring::write(const trace_record& r) noexcept
{
    const std::uint64_t number = next.fetch_add(1, std::memory_order_relaxed); // in one instruction
    trace_slot& s = slots[number % room];
    s.number.store(0, std::memory_order_relaxed);
    // (1) release fence: a reader that sees a word of this record sees the number gone; pairs with machine/trace_log.cpp(2)
    std::atomic_thread_fence(std::memory_order_release);
    const std::uint64_t small =
        static_cast<std::uint64_t>(r.kind) | static_cast<std::uint64_t>(r.outcome) << 8 |
        static_cast<std::uint64_t>(r.age) << 16 | static_cast<std::uint64_t>(r.failed) << 32 |
        static_cast<std::uint64_t>(r.value) << 48;
    const std::array words{r.begin_ns, r.end_ns, r.raised_ns, r.generation, small};
    for (std::size_t i = 0; i < words.size(); ++i)
        s.words[i].store(words[i], std::memory_order_relaxed);
    // (2) release: the words are written; pairs with machine/trace_log.cpp(1)
    s.number.store(number + 1, std::memory_order_release);
}

namespace {

struct checks_seen {
    std::array<std::uint64_t, check_count> failures;
};

checks_seen look_at_checks(const percpu& cpu) noexcept
{
    checks_seen seen;
    for (std::size_t i = 0; i < check_count; ++i)
        seen.failures[i] = cpu.checks[static_cast<check>(i)].failures();
    return seen;
}

std::uint16_t newly_failed(const percpu& cpu, const checks_seen& before) noexcept
{
    unsigned bits = 0;
    for (std::size_t i = 0; i < check_count; ++i)
        if (cpu.checks[static_cast<check>(i)].failures() != before.failures[i])
            bits |= 1u << i;
    return static_cast<std::uint16_t>(bits);
}

} // namespace

void exc_nmi_traced(int signo, siginfo_t* info, void* context) noexcept
{
    percpu* const cpu = this_cpu;
    if (cpu == nullptr) // late or foreign, as in exc_nmi
        return runtime::forward(signo, info, context);
    if (this_trace == nullptr)
        return cpu->domain->exc_nmi(signo, info, context);
    trace_record r;
    r.begin_ns = now_ns();
    r.raised_ns = runtime::raised_at_ns(*info, r.begin_ns);
    r.value = static_cast<std::uint16_t>(std::clamp<std::int64_t>(cpu->line.in_flight(), 0, 0xffff));
    const std::uint64_t taken = cpu->line.completed.load(std::memory_order_relaxed); // own thread only
    const checks_seen checks_before = look_at_checks(*cpu);
    const std::uint64_t counted = nmi_count_of(*cpu);
    const std::uint64_t defaults = cpu->stats.defaults.read();
    const std::uint64_t offline = cpu->offline_seen.read();
    const std::array ages{cpu->age[1].read(), cpu->age[2].read()};

    cpu->domain->exc_nmi(signo, info, context);

    if (cpu->line.completed.load(std::memory_order_relaxed) == taken) // as above: a stray, no NMI
        return;
    r.outcome = nmi_count_of(*cpu) == counted
                    ? cpu->offline_seen.read() != offline ? trace_outcome::offline : trace_outcome::dropped
                : cpu->stats.defaults.read() != defaults ? trace_outcome::defaulted
                                                         : trace_outcome::handled;
    r.generation = cpu->generations_run != 0 ? cpu->last_generation.read() : 0;
    r.age = cpu->age[2].read() != ages[1] ? 2 : cpu->age[1].read() != ages[0] ? 1 : 0;
    r.failed = newly_failed(*cpu, checks_before);
    r.end_ns = now_ns();
    this_trace->write(r);
}

} // namespace nmisim
