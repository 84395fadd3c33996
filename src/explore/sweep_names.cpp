// SPDX-License-Identifier: MIT
#include "explore/sweep_names.hpp"

#include "explore/step/arch.hpp"
#include "explore/step/recording.hpp"

#include <unordered_set>

namespace nmisim::explore {

std::vector<bool> printed(const recording& t, const sweep_report& r)
{
    std::vector<bool> shown(t.count);
    std::unordered_set<std::uintptr_t> interrupted;
    for (const sweep_cell& c : r.cells) {
        if (!is_told(c.verdict))
            continue;
        shown[c.boundary] = true;
        interrupted.insert(c.delivered_at);
    }
    for (const pair_cell& c : r.pairs)
        shown[c.boundary] = shown[c.boundary] || is_told(c.verdict);
    for (std::uint32_t i = 0; i < t.count && !interrupted.empty(); ++i)
        shown[i] = shown[i] || interrupted.count(t.ip[i]) != 0;
    return shown;
}

void name_call_sites(const recording& t, sweep_report& r, places& names)
{
    if (r.calls.empty())
        return;
    const loaded_object* own = t.count != 0 ? names.objects().at(t.ip[0]) : nullptr;
    for (call_cell& c : r.calls) {
        std::uint32_t i = c.boundary;
        const auto calls_from_there = [&](std::uint32_t n) {
            return names.objects().at(t.ip[n]) == own && arch::was_call(t.ip, t.code, n);
        };
        while (i > 0 && !calls_from_there(i - 1))
            --i;
        i = i > 0 ? i - 1 : c.boundary; // inline
        c.called_from = names.of(t.ip[i], t.code[i]);
    }
}

} // namespace nmisim::explore
