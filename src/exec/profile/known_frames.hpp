// SPDX-License-Identifier: MIT
//
// What the supervisor has learned of places in code, for the sampler: where the frame pointer leads to the caller, and from where
// the way to the outermost frame is known. A sample that meets such places only needs no copy of its stack.
//
// A place of which another program of the command has been learned may stand in its slot, or one that means something else there.
// So this is a hint: what a sample came to without a copy is looked at again (sampled_tree.cpp), and then the place is forgotten.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nmisim::exec {

inline constexpr std::uint32_t most_copied = 8192; ///< bytes of a stack

class known_frames {
public:
    enum class leads { by_frame_pointer, out };

    /// Whether the stack is known, given return addresses that frame pointers have led to. `is_full`: there was no room for more.
    bool know(const std::uintptr_t* ip, std::uint32_t frames, bool is_full) const noexcept
    {
        for (std::uint32_t i = 0; i < frames; ++i) {
            const std::uintptr_t place = ip[i] - (i == 0 ? 0 : 1);
            const std::uint64_t seen = of(place).load(std::memory_order_relaxed); // a hint
            if (seen >> 1 != place)
                return false;
            if ((seen & 1) != 0)
                return true;
        }
        return is_full;
    }

    /// Context: the supervisor.
    void learn(std::uintptr_t place, leads where) noexcept
    {
        // a hint
        of(place).store(std::uint64_t{place} << 1 | (where == leads::out ? 1 : 0), std::memory_order_relaxed);
    }
    void forget(std::uintptr_t place) noexcept
    {
        of(place).store(0, std::memory_order_relaxed); // a hint
    }

    /// How much of a stack is copied: as much as the last ones have needed.
    std::uint32_t copied_bytes() const noexcept
    {
        return copied_bytes_.load(std::memory_order_relaxed); // a hint
    }
    void copy(std::uint32_t bytes) noexcept
    {
        copied_bytes_.store(bytes, std::memory_order_relaxed); // a hint
    }

private:
    static constexpr unsigned bits = 13;
    static std::size_t slot(std::uintptr_t place) noexcept
    {
        constexpr std::uint64_t golden = 0x9e37'79b9'7f4a'7c15;
        return static_cast<std::size_t>(place * golden >> (64 - bits));
    }
    std::atomic<std::uint64_t>& of(std::uintptr_t place) noexcept { return slots_[slot(place)]; }
    const std::atomic<std::uint64_t>& of(std::uintptr_t place) const noexcept { return slots_[slot(place)]; }

    std::atomic<std::uint32_t> copied_bytes_{most_copied};
    std::atomic<std::uint64_t> slots_[std::size_t{1} << bits]{};
};

} // namespace nmisim::exec
