// SPDX-License-Identifier: MIT
//
// Which instructions touch bytes that at least two threads touch, one of them writing: only before these does it matter
// which thread runs. Everything that a learning run has noted goes in; instructions come out.
// Context: control.
#pragma once

#include "explore/memory/memory_watch.hpp"

#include <set>
#include <tuple>
#include <unordered_map>

namespace nmisim::explore {

class shared_bytes {
public:
    /// True: something new.
    bool add(unsigned thread, const access_note& a)
    {
        if (!known_.insert({thread, a.ip, a.address, a.size, a.reads, a.writes}).second)
            return false;
        for (std::uint32_t b = 0; b < a.size; ++b)
            touched_[a.address + b] |= bits(thread, a.reads, a.writes);
        return true;
    }

    /// f(thread, ip) for each access to a byte that another thread touches as well. `barriers`: a call that empties
    /// the others' store buffers is one, too.
    template <class F>
    void for_each_conflict(bool barriers, F f) const
    {
        for (const auto& [thread, ip, address, size, reads, writes] : known_) {
            bool conflict = barriers && address == barrier_byte;
            for (std::uint32_t b = 0; b < size && !conflict && address != barrier_byte; ++b) {
                const unsigned by_others = touched_.at(address + b) & ~bits(thread, true, true);
                conflict = (by_others & anybody_wrote) != 0 || (writes && by_others != 0);
            }
            if (conflict)
                f(thread, ip);
        }
    }
    /// Bytes that at least two touch, one of them writing.
    std::size_t count() const
    {
        std::size_t n = 0;
        for (const auto& [address, by] : touched_) {
            unsigned threads = 0;
            for (unsigned t = 0; t < most_threads; ++t)
                threads += (by & bits(t, true, true)) != 0 ? 1 : 0;
            n += threads > 1 && (by & anybody_wrote) != 0 && address > barrier_byte ? 1U : 0U;
        }
        return n;
    }

private:
    static constexpr std::uint8_t read = 1;
    static constexpr std::uint8_t wrote = 2;
    static constexpr std::uint8_t anybody_wrote = 0b101010;
    static std::uint8_t bits(unsigned thread, bool reads, bool writes) noexcept
    {
        const unsigned by = (reads ? read : 0U) | (writes ? wrote : 0U);
        return static_cast<std::uint8_t>(by << (2 * thread));
    }

    std::set<std::tuple<unsigned, std::uintptr_t, std::uintptr_t, std::uint32_t, bool, bool>> known_;
    std::unordered_map<std::uintptr_t, std::uint8_t> touched_; ///< two bits for each thread
};

} // namespace nmisim::explore
