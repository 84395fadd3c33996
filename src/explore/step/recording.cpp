// SPDX-License-Identifier: MIT
#include "explore/step/recording.hpp"

#include "explore/step/breakpoint.hpp"
#include "explore/step/delivery.hpp"

namespace nmisim::explore {

bool note_boundary(recording& t, std::uintptr_t ip) noexcept
{
    t.ended = false;             // an exec that failed was no end
    if (t.count == t.capacity) { // a restartable sequence aborted by each trap never ends: cap
        t.overflow = true;
        return false;
    }
    if (t.code != nullptr)
        t.code[t.count] = original_code_at(ip);
    t.ip[t.count++] = ip;
    return true;
}

void note_gate(recording& t, std::uintptr_t ip, long nr) noexcept
{
    std::uint32_t i = 0;
    while (i < t.gates && t.gate[i] != ip)
        ++i;
    if (i == recording::max_gates) {
        t.more_gates = true;
        return;
    }
    if (i == t.gates) {
        t.gate[t.gates++] = ip;
        t.gate_of_signals[i] = false;
    }
    t.gate_of_signals[i] = t.gate_of_signals[i] || delivery::depends_on(nr);
}

void clear(recording& t) noexcept
{
    t.count = t.gates = t.calls = 0;
    t.more_gates = t.overflow = t.ended = t.handler = false;
    t.followed = t.run_over = t.waits_for_signal = false;
    t.last = {};
}

std::uint64_t fingerprint(const recording& t) noexcept
{
    std::uint64_t h = t.count + 1;
    for (std::uint32_t i = 0; i < t.count; ++i)
        h = (h ^ t.ip[i]) * 0x9e3779b97f4a7c15U;
    return h;
}

} // namespace nmisim::explore
