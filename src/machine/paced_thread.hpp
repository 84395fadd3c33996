// SPDX-License-Identifier: MIT
//
// A thread beside the vCPUs that does something at its times until it is asked to stop: raises NMIs or IRQs, swaps
// handlers, takes vCPUs offline, asks for backtraces. It sleeps to absolute deadlines, and never for long, so that
// it soon notices stop(). All signals are blocked in it, and in threads that it starts.
//
// The last member of whoever has one: its end comes first.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace nmisim {

struct machine_config;

class paced_thread {
public:
    ~paced_thread() { stop(); }

    /// `name` for tools such as ps; `whose` for the error, as in "the injector's thread". `body` returns soon after
    /// stopping() is true. Context: control. Errors: std::system_error.
    void start(const char* name, const std::string& whose, std::function<void()> body);
    /// Asks it to stop and waits for its end. Context: control.
    void stop() noexcept;
    /// The same, but gives up: false if it waits for something that does not end. Then it goes on with what it uses.
    [[nodiscard]] bool stop_within(std::uint64_t patience_ns) noexcept;

    // Context: the thread's own.
    bool stopping() const noexcept
    {
        return stop_.load(std::memory_order_relaxed); // a flag, nothing with it
    }
    /// Sleeps until `at_ns`; false if it is to stop.
    bool wait_until(std::uint64_t at_ns) const noexcept;

private:
    std::thread thread_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> ended_{false};
};

/// For a thread that raises: off the CPUs of pinned vCPUs, and woken in time. Context: the thread's own.
void keep_time(const machine_config& config) noexcept;

} // namespace nmisim
