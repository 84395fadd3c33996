// SPDX-License-Identifier: MIT
#include "report/status_line.hpp"

#include "report/units.hpp"

#include <fmt/format.h>

namespace nmisim {

std::string status_line(const run_progress& now, const run_progress& before)
{
    const double seconds = static_cast<double>(now.elapsed_ns - before.elapsed_ns) / 1e9;
    const auto rate = [seconds](std::uint64_t to, std::uint64_t from) {
        return short_number_text(seconds > 0 ? static_cast<double>(to - from) / seconds : 0) + "/s";
    };
    return fmt::format("{:>6.1f}s  raised {}  handled {}  swaps {}  failed {}",
                       static_cast<double>(now.elapsed_ns) / 1e9, rate(now.raised, before.raised),
                       rate(now.handled, before.handled), count_text(now.swaps), count_text(now.failures));
}

} // namespace nmisim
