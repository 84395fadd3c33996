// SPDX-License-Identifier: MIT
//
// The NMI source of a run: one thread that raises NMIs on every vCPU at a rate. It paces by absolute
// deadlines: a late wake-up is made up for, and its lateness is recorded as its own figure, never as the
// delivery latency of the NMI (that is measured from the raise itself).
#pragma once

#include "base/histogram.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>

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

} // namespace nmisim
