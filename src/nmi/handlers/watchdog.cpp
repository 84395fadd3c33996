// SPDX-License-Identifier: MIT
#include "nmi/handlers/watchdog.hpp"

#include "base/clock.hpp"
#include "base/message_line.hpp"
#include "nmi/handlers/checked_handler.hpp"

namespace nmisim {
namespace {

void tell_lockup(const watchdog& dog, watchdog_cpu& self, percpu& cpu, const pt_regs& regs,
                 std::uint64_t at_ns) noexcept
{
    const std::uint64_t since_ns = at_ns - self.last_tick_ns.load(std::memory_order_relaxed);
    if (self.lockups.read() == 0) {
        self.after_ns = since_ns;
        take_snapshot(self.stack, regs, cpu.stack_end);
    }
    ++self.lockups;
    message_line()
        .text("nmi-sim: watchdog: Watchdog detected hard LOCKUP on cpu ")
        .number(cpu.cpunumber)
        .text(", ")
        .number(static_cast<std::int64_t>(since_ns / 1'000'000))
        .text(" ms after its last tick")
        .give_to(cpu.domain->message);
    check_record& progress = cpu.checks[check::progress];
    progress.fail({at_ns, cpu.cpunumber, cpu.last_generation.read(), since_ns / 1'000'000,
                   dog.limits.tick_ns() / 1'000'000, instruction_pointer(regs),
                   "hard lock-up: milliseconds without a tick"});
}

} // namespace

bool watchdog_hardlockup_check(watchdog_cpu& cpu, const watchdog_thresholds& limits,
                               std::uint64_t at_ns) noexcept
{
    if (at_ns - cpu.last_look_ns < limits.look_ns())
        return false;
    cpu.last_look_ns = at_ns;
    ++cpu.looks;
    const std::uint64_t ticks = cpu.hrtimer_interrupts.load(std::memory_order_relaxed);
    // A store of the touch that comes between the two would be lost; it is a heuristic's flag.
    if (cpu.touched.load(std::memory_order_relaxed)) {
        cpu.touched.store(false, std::memory_order_relaxed);
        cpu.missed = 0;
        return false;
    }
    if (ticks != cpu.hrtimer_interrupts_saved) {
        cpu.hrtimer_interrupts_saved = ticks;
        cpu.missed = 0;
        cpu.told = false;
        return false;
    }
    if (++cpu.missed < watchdog_thresholds::misses || cpu.told)
        return false;
    cpu.told = true;
    return true;
}

int watchdog_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    auto& dog = *static_cast<watchdog*>(static_cast<checked_handler&>(self).job);
    watchdog_cpu& own = dog.of[static_cast<std::size_t>(cpu)];
    const std::uint64_t at_ns = now_ns();
    if (watchdog_hardlockup_check(own, dog.limits, at_ns)) [[unlikely]]
        tell_lockup(dog, own, *this_cpu, regs, at_ns);
    return checked_call(self, regs, cpu);
}

} // namespace nmisim
