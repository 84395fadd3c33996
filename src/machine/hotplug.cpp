// SPDX-License-Identifier: MIT
#include "machine/hotplug.hpp"

#include "base/clock.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>
#include <system_error>

namespace nmisim {

hotplug::hotplug(machine& target, std::uint64_t interval_ns, std::uint64_t seed)
    : machine_(target), interval_ns_(interval_ns), random_(seed)
{}

void hotplug::start()
{
    thread_.start("hotplug", "the thread of hotplug", [this] {
        std::uniform_int_distribution<int> any_cpu(0, machine_.cpus() - 1);
        std::uint64_t due_ns = now_ns() + interval_ns_;
        while (thread_.wait_until(due_ns)) {
            const std::uint64_t at_ns = now_ns();
            change(any_cpu(random_));
            due_ns = std::max(due_ns + interval_ns_, at_ns); // no burst of changes to catch up
        }
    });
}

void hotplug::change(int cpu)
{
    machine_state& state = internals(machine_);
    const bool was_running = state.cpus[static_cast<std::size_t>(cpu)]->running();
    const std::uint64_t begin_ns = now_ns();
    state.changing_since_ns.store(begin_ns, std::memory_order_relaxed); // for the stall watch only
    try {
        if (was_running)
            machine_.cpu_down(cpu);
        else
            machine_.cpu_up(cpu);
        ++(was_running ? offlined_ : onlined_);
        (was_running ? down_ : up_).record(now_ns() - begin_ns);
    } catch (const std::system_error& e) {
        if (failed_.read() == 0)
            first_failure_ = e.what();
        ++failed_;
    }
    state.changing_since_ns.store(0, std::memory_order_relaxed);
}

} // namespace nmisim
