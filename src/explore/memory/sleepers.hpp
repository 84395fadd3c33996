// SPDX-License-Identifier: MIT
//
// Which threads sleep. A thread that was stopped before an access sleeps until another one touches the same bytes, one of
// the two writing. To resume it while it sleeps leads nowhere new: that run is the same as one in which it made its access
// first, and was stopped behind it (sleep sets: Godefroid, LNCS 1032, 1996). next_schedules.hpp says why that one is run.
//
// Before a system call nobody sleeps, and each call that others' calls may touch wakes all.
// Context: the trap handler, and the exploring thread while all are held. No call of libc.
#pragma once

#include "explore/memory/accesses.hpp"
#include "explore/watch/race_threads.hpp"

#include <array>
#include <cstdint>

namespace nmisim::explore {

/// A bit for each thread.
using thread_set = std::uint8_t;

constexpr bool has(thread_set s, unsigned thread) noexcept
{
    return (s >> thread & 1U) != 0;
}
constexpr thread_set only(unsigned thread) noexcept
{
    return static_cast<thread_set>(1U << thread);
}

class sleepers {
public:
    /// A run begins.
    void wake_all() noexcept { asleep_ = 0; }
    thread_set asleep() const noexcept { return asleep_; }

    /// It is held before an instruction; will_touch() says of each operand what that is.
    void is_held(unsigned thread) noexcept { next_[thread].operands = 0; }
    void will_touch(unsigned thread, byte_range where, bool writes) noexcept
    {
        held_before& h = next_[thread];
        h.operand[h.operands++] = {where, writes};
    }
    void sleep(unsigned thread) noexcept { asleep_ |= only(thread); }

    /// Somebody is about to touch this: another thread, or a sleeper that goes on all the same. A store of its own wakes it,
    /// a load does not; what follows then is the same as behind another schedule anyway.
    void touched(byte_range where, bool writes) noexcept
    {
        for (unsigned t = 0; t < most_threads; ++t)
            if (has(asleep_, t) && would_see(next_[t], where, writes))
                asleep_ &= static_cast<thread_set>(~only(t));
    }

private:
    struct access {
        byte_range where{};
        bool writes = false;
    };
    struct held_before {
        std::array<access, 3> operand{}; ///< as many as an instruction has
        unsigned operands = 0;
    };
    static bool would_see(const held_before& h, byte_range where, bool writes) noexcept
    {
        for (unsigned n = 0; n < h.operands; ++n) {
            const access& a = h.operand[n];
            if ((writes || a.writes) && a.where.address < where.address + where.size &&
                where.address < a.where.address + a.where.size)
                return true;
        }
        return false;
    }

    std::array<held_before, most_threads> next_{};
    thread_set asleep_ = 0;
};

} // namespace nmisim::explore
