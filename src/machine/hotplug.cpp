// SPDX-License-Identifier: MIT
#include "machine/hotplug.hpp"

#include "base/clock.hpp"
#include "base/patience.hpp"
#include "base/start_thread.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>
#include <system_error>

namespace nmisim {

namespace {
constexpr std::uint64_t longest_sleep_ns = 10'000'000; // notices stop() in time
}

hotplug::hotplug(machine& target, std::uint64_t interval_ns, std::uint64_t seed)
    : machine_(target), interval_ns_(interval_ns), random_(seed)
{}

hotplug::~hotplug()
{
    if (thread_.joinable())
        thread_.join();
}

void hotplug::start()
{
    const signals_blocked block; // vCPUs that it starts begin their lives with them blocked too
    thread_ = start_thread("the thread of hotplug", [this] { run(); });
}

bool hotplug::stop(std::uint64_t timeout_ns) noexcept
{
    stop_.store(true, std::memory_order_relaxed);
    if (!thread_.joinable())
        return true;
    patience wait(timeout_ns);
    // (2) acquire: what the thread counted; pairs with (1)
    while (!done_.load(std::memory_order_acquire)) {
        if (wait.is_over(now_ns())) {
            thread_.detach();
            return false;
        }
        const timespec pause = to_timespec(100'000);
        nanosleep(&pause, nullptr);
    }
    thread_.join();
    return true;
}

void hotplug::run()
{
    pthread_setname_np(pthread_self(), "hotplug");
    std::uniform_int_distribution<int> any_cpu(0, machine_.cpus() - 1);
    std::uint64_t due_ns = now_ns() + interval_ns_;
    while (!stopping()) {
        const std::uint64_t at_ns = now_ns();
        if (at_ns < due_ns) {
            const timespec t = to_timespec(std::min(due_ns, at_ns + longest_sleep_ns));
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
            continue;
        }
        change(any_cpu(random_));
        due_ns = std::max(due_ns + interval_ns_, at_ns); // no burst of changes to catch up
    }
    done_.store(true, std::memory_order_release); // (1) release: all that was counted; pairs with (2)
}

void hotplug::change(int cpu)
{
    machine_state& state = machine_.internals();
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
