// SPDX-License-Identifier: MIT
//
// What a thread has loaded in this run, and how often it was the same. None takes the place of another one: addresses change
// from process to process, and what a schedule does must not.
// Context: the trap handler; forget() in the exploring thread. No call of libc.
#pragma once

#include "explore/memory/origins.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace nmisim::explore {

struct seen_load {
    std::uintptr_t ip;
    std::uintptr_t place; ///< what tells it from others of this instruction
    std::uintptr_t address;
    std::uint64_t value;
    std::uint64_t stores; ///< of the thread, that were shared, before it
    unsigned times;       ///< 0: new
    std::uint16_t slot;   ///< of the index
};

class seen_loads {
public:
    static constexpr std::size_t room = 2048;
    static constexpr std::size_t slots = 2 * room;

    /// A run begins.
    void forget() noexcept
    {
        for (; count_ != 0; --count_)
            index_[all_[count_ - 1].slot] = 0;
    }

    /// nullptr: there is no more room.
    seen_load* of(std::uintptr_t ip, std::uintptr_t place) noexcept
    {
        std::size_t slot = first_slot(ip, place);
        for (; index_[slot] != 0; slot = (slot + 1) % slots) {
            seen_load& known = all_[index_[slot] - 1U];
            if (known.ip == ip && known.place == place)
                return &known;
        }
        if (count_ == room)
            return nullptr;
        all_[count_] = {ip, place, 0, 0, 0, 0, static_cast<std::uint16_t>(slot)};
        index_[slot] = ++count_;
        return &all_[count_ - 1U];
    }

    static std::size_t first_slot(std::uintptr_t ip, std::uintptr_t place) noexcept
    {
        return mixed(ip, place) % slots;
    }

private:
    std::unique_ptr<seen_load[]> all_ =
        std::make_unique_for_overwrite<seen_load[]>(room); ///< touched as it fills
    std::array<std::uint16_t, slots> index_{};             ///< its number and 1; 0: none
    std::uint16_t count_ = 0;
};

} // namespace nmisim::explore
