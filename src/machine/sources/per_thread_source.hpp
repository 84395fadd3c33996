// SPDX-License-Identifier: MIT
//
// What timer_source and perf_source share: each vCPU's thread has one device, armed while the source runs and its vCPU
// is online. `Device`:
//
//   Device(percpu&, rate_hz)   arms it for the thread area.tid, or throws std::system_error
//   ~Device()                  disarms it
//   stop()                     no expiration any more; how many were due by the clock
//
// Internal to machine.
#pragma once

#include "machine/machine_state.hpp"
#include "machine/sources/nmi_source.hpp"

#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

namespace nmisim {

template <class Device>
class per_thread_source final : public nmi_source {
public:
    per_thread_source(machine& m, double rate_hz)
        : machine_(m), rate_hz_(rate_hz), devices_(static_cast<std::size_t>(m.cpus()))
    {
        const std::lock_guard guard(internals(machine_).sources_lock);
        internals(machine_).sources.push_back(this);
    }

    ~per_thread_source() override
    {
        stop();
        const std::lock_guard guard(internals(machine_).sources_lock);
        std::erase(internals(machine_).sources, this);
    }

    void start() override
    {
        const std::lock_guard guard(lock_);
        running_ = true;
        for (auto& cpu : internals(machine_).cpus)
            if (machine_.cpu_online(cpu->area().cpunumber))
                arm(cpu->area());
    }

    void stop() noexcept override
    {
        const std::lock_guard guard(lock_);
        running_ = false;
        for (auto& device : devices_)
            disarm(device);
    }

    void cpu_online(percpu& cpu) noexcept override
    {
        const std::lock_guard guard(lock_);
        if (!running_)
            return;
        try {
            arm(cpu);
        } catch (const std::system_error&) {
            ++failed_;
        }
    }

    void cpu_leaving(percpu& cpu) noexcept override
    {
        const std::lock_guard guard(lock_);
        disarm(devices_[static_cast<std::size_t>(cpu.cpunumber)]);
    }

    std::uint64_t requested() const noexcept override { return requested_; }
    std::uint64_t failed() const noexcept override { return failed_; }

private:
    void arm(percpu& cpu)
    {
        std::optional<Device>& device = devices_[static_cast<std::size_t>(cpu.cpunumber)];
        if (!device)
            device.emplace(cpu, rate_hz_);
    }
    void disarm(std::optional<Device>& device) noexcept
    {
        if (device)
            requested_ += device->stop();
        device.reset();
    }

    machine& machine_;
    const double rate_hz_;
    std::mutex
        lock_; ///< protects what follows; an NMI may interrupt its holder, so never taken in NMI context
    bool running_ = false;
    std::vector<std::optional<Device>> devices_;
    std::uint64_t requested_ = 0;
    std::uint64_t failed_ = 0;
};

} // namespace nmisim
