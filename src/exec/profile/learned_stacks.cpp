// SPDX-License-Identifier: MIT
#include "exec/profile/learned_stacks.hpp"

#include <algorithm>

namespace nmisim::exec {

void learned_stacks::doubt(std::uintptr_t place, ways_out& ways, known_frames& known)
{
    unsure_.insert(place);
    ways.erase(place);
    known.forget(place);
}

// As much as the last samples have needed, and some more; where it was too little, as much as there may be.
void learned_stacks::want(std::size_t needed, std::size_t copied, known_frames& known) noexcept
{
    constexpr std::size_t step = 256;
    constexpr unsigned looked_at = 64;
    needed_ = std::max(needed_, needed);
    const bool too_short = needed > copied;
    if (!too_short && ++samples_ < looked_at)
        return;
    known.copy(too_short ? most_copied
                         : std::min(most_copied, static_cast<std::uint32_t>((needed_ / step + 2) * step)));
    samples_ = 0;
    needed_ = 0;
}

void learned_stacks::walked(const walked_stack& w, std::size_t copied, ways_out& ways, known_frames& known)
{
    constexpr std::size_t last_steps = 2;
    want(w.read, copied, known);
    for (std::size_t i = 0; i < w.places.size(); ++i) {
        const auto& [place, by_frame_pointer] = w.places[i];
        if (unsure_.contains(place))
            continue;
        const std::size_t steps = w.places.size() - 1 - i;
        if (by_frame_pointer && (steps != 0 || !w.is_whole)) {
            known.learn(place, known_frames::leads::by_frame_pointer);
            continue;
        }
        const auto before = ways.find(place);
        const bool is_near = i != 0 && w.is_whole && steps <= last_steps;
        if (before == ways.end() && !is_near)
            continue;
        std::vector<std::uintptr_t> way;
        for (std::size_t j = i + 1; j < w.places.size(); ++j)
            way.push_back(w.places[j].ip);
        if (before != ways.end() && before->second != way) {
            doubt(place, ways, known);
            continue;
        }
        ways[place] = std::move(way);
        known.learn(place, known_frames::leads::out);
    }
}

void learned_stacks::was_known(walked_stack& w, ways_out& ways, known_frames& known)
{
    if (w.is_whole)
        return;
    const std::uintptr_t last = w.places.back().ip;
    const auto way = ways.find(last);
    if (way == ways.end())
        return doubt(last, ways, known);
    for (const std::uintptr_t place : way->second)
        w.places.push_back({place, false});
    w.is_whole = true;
}

} // namespace nmisim::exec
