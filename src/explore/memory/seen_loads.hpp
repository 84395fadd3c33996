// SPDX-License-Identifier: MIT
//
// What a thread has loaded in this run, and how often it was the same. None gives way to another one while there is room:
// addresses change from process to process, and what a schedule does must not.
// Context: the trap handler. No call of libc.
#pragma once

#include "explore/memory/origins.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace nmisim::explore {

struct seen_load {
    std::uint64_t run = 0; ///< 0: of none
    std::uintptr_t ip = 0;
    std::uintptr_t place = 0; ///< what tells it from others of this instruction
    std::uintptr_t address = 0;
    std::uint64_t value = 0;
    unsigned times = 0;
    std::uint64_t stores = 0; ///< of the thread, that were shared, before it
};

class seen_loads {
public:
    static constexpr std::size_t room = 2048;

    void forget() noexcept { ++run_; }

    /// Its `times` is 0 if it is new. When there is no more room it takes the place of another.
    seen_load& of(std::uintptr_t ip, std::uintptr_t place) noexcept
    {
        const std::size_t first = mixed(ip, place) % room;
        for (std::size_t n = 0; n < room; ++n) {
            seen_load& l = all_[(first + n) % room];
            if (l.run == run_ && (l.ip != ip || l.place != place))
                continue;
            if (l.run != run_)
                l = {run_, ip, place};
            return l;
        }
        return all_[first] = {run_, ip, place};
    }

private:
    std::array<seen_load, room> all_{};
    std::uint64_t run_ = 1;
};

} // namespace nmisim::explore
