// SPDX-License-Identifier: MIT
#include "explore/replay/shrink.hpp"

#include <algorithm>
#include <vector>

namespace nmisim::explore {

namespace {

// Behind the last stop all contexts end by themselves.
void trim(schedule& s) noexcept
{
    while (s.contexts != 0 && s.at[s.contexts - 1].points == no_stop)
        s.next = s.at[--s.contexts].thread;
}

bool is_of_three(const schedule& s) noexcept
{
    bool any = s.next == the_second_reader;
    for (unsigned c = 0; c < s.contexts; ++c)
        any = any || s.thread_of(c) == the_second_reader;
    return any;
}

// Without the stop of `context`: its thread goes on through what the other one did meanwhile. The first one has nothing
// before it, so then the other thread begins. Of three threads the turns stay as they are.
schedule without(const schedule& s, unsigned context) noexcept
{
    schedule smaller = s;
    if (is_of_three(s)) {
        smaller.at[context] = {.thread = s.at[context].thread};
        trim(smaller);
        return smaller;
    }
    const unsigned gone = context == 0 ? 1 : std::min(2U, s.contexts - context);
    std::copy(s.at + context + gone, s.at + s.contexts, smaller.at + context);
    smaller.contexts = static_cast<std::uint8_t>(s.contexts - gone);
    smaller.next = context + gone == s.contexts && gone == 1 && context != 0 ? s.at[context].thread : s.next;
    trim(smaller);
    return smaller;
}

std::vector<schedule> smaller_than(const schedule& s)
{
    std::vector<schedule> all;
    for (unsigned c = 0; c < s.contexts; ++c)
        if ((c == 0 && !is_of_three(s)) || s.at[c].points != no_stop)
            all.push_back(without(s, c));
    for (unsigned c = 0; c < s.contexts; ++c) {
        if (s.at[c].points == no_stop)
            continue;
        if (s.at[c].waiting != 0) {
            all.push_back(s);
            all.back().at[c].drained += all.back().at[c].waiting;
            all.back().at[c].waiting = 0;
        }
        for (std::uint32_t p = 0; s.at[c].ip != 0 && p < s.at[c].points; ++p) {
            all.push_back(s);
            all.back().at[c].points = p;
        }
    }
    return all;
}

} // namespace

bool same_schedule(const schedule& a, const schedule& b) noexcept
{
    if (a.contexts != b.contexts || a.next != b.next || a.nmi_at != b.nmi_at)
        return false;
    for (unsigned c = 0; c < a.contexts; ++c)
        if (a.at[c].thread != b.at[c].thread || a.at[c].points != b.at[c].points ||
            a.at[c].waiting != b.at[c].waiting || (a.at[c].ip == 0) != (b.at[c].ip == 0))
            return false;
    return true;
}

schedule shrunk(schedule s, const std::function<bool(const schedule&)>& is_bad)
{
    for (;;) {
        const std::vector<schedule> candidates = smaller_than(s);
        const auto better = std::find_if(candidates.begin(), candidates.end(), is_bad);
        if (better == candidates.end())
            return s;
        s = *better;
    }
}

} // namespace nmisim::explore
