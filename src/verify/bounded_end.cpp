// SPDX-License-Identifier: MIT
#include "verify/bounded_end.hpp"

#include "base/clock.hpp"
#include "base/patience.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>

namespace nmisim {

bool drain_within(machine& m, std::uint64_t limit_ns)
{
    patience wait(limit_ns);
    while (!m.drain(patience::longest_turn_ns / 10))
        if (wait.is_over(now_ns()))
            return false;
    return true;
}

bool cpus_down_within(machine& m, int first, int end, std::uint64_t limit_ns)
{
    const auto& cpus = internals(m).cpus;
    const auto from = cpus.begin() + first, to = cpus.begin() + end;
    std::for_each(from, to, [](const auto& cpu) { cpu->ask_to_leave(); });
    const not_watched waiting(internals(m));
    patience wait(limit_ns);
    while (!std::all_of(from, to, [](const auto& cpu) { return cpu->has_ended(); })) {
        if (wait.is_over(now_ns()))
            return false;
        sleep_for(100'000);
    }
    std::for_each(from, to, [](const auto& cpu) { cpu->join(); });
    return true;
}

} // namespace nmisim
