// SPDX-License-Identifier: MIT
//
// The NMI source `sigqueue`: one thread that raises NMIs on every vCPU at a rate. It paces by absolute deadlines: after
// a late wake-up it catches up. The lateness is a figure of its own, never part of the NMI's delivery latency (which is
// measured from the raise).
#pragma once

#include "base/histogram.hpp"
#include "machine/paced_thread.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace nmisim {

class machine;

enum class arrival { periodic, poisson, burst };
inline constexpr std::array all_arrivals{arrival::periodic, arrival::poisson, arrival::burst};
constexpr std::string_view name_of(arrival a) noexcept
{
    return a == arrival::periodic ? "periodic" : a == arrival::poisson ? "poisson" : "burst";
}

struct injection {
    double rate_hz = 10'000; ///< NMIs per second and vCPU
    bool rate_max = false;   ///< raise again as soon as the vCPU can take one; rate_hz is not used
    nmisim::arrival arrival = nmisim::arrival::periodic;
    unsigned burst = 1; ///< with arrival::burst: NMIs per burst, at the same mean rate
    std::uint64_t seed = 1;
};

class injector {
public:
    injector(machine& target, const injection& plan) : machine_(target), plan_(plan) {}

    /// Context: control.
    void start();
    /// NMIs in flight are the machine's to drain.
    void stop() noexcept { thread_.stop(); }

    /// NMIs that were due so far by the rate, on all vCPUs; 0 with rate_max. Context: any.
    std::uint64_t requested() const noexcept { return requested_.read(); }
    /// Times a due NMI had to wait for room. Context: any.
    std::uint64_t throttled() const noexcept { return throttled_.read(); }
    /// Due time to raise. After stop().
    const histogram& lateness() const noexcept { return lateness_; }

private:
    void run_paced();
    void run_max();

    machine& machine_;
    const injection plan_;
    counter requested_;
    counter throttled_;
    histogram lateness_;
    paced_thread thread_;
};

} // namespace nmisim
