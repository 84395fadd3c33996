// SPDX-License-Identifier: MIT
//
// The instructions that the threads of a map were seen to run, decoded. What has been learned is kept by address of
// code, never of data: threads and heaps of another child process are somewhere else, its code is not.
//
//   seen    the thread has run it while it was stepped
//   point   the thread touched something there that another one touches, too: a schedule may pause before it
//
// Context: find() in the trap handler; the rest control, all threads at rest.
#pragma once

#include "explore/memory/accesses.hpp"
#include "explore/watch/race_threads.hpp"

#include <array>
#include <vector>

namespace nmisim::explore {

/// By each thread.
struct use_of_instruction {
    std::array<bool, most_threads> seen{};
    std::array<bool, most_threads> point{};
    /// Only because it empties the store buffer: a pause is of use if a load has overtaken what waits there.
    std::array<bool, most_threads> only_drains{};
};
struct known_instruction {
    instruction what{};
    use_of_instruction use{};
};

class code_table {
public:
    static constexpr std::size_t capacity = 1U << 15;

    code_table() : index_(2 * capacity, none) { all_.reserve(capacity); }

    known_instruction* find(std::uintptr_t ip) noexcept
    {
        const std::uint32_t n = index_[slot_of(ip)];
        return n != none ? &all_[n] : nullptr;
    }
    /// nullptr: no room.
    known_instruction* add(const instruction& i)
    {
        if (known_instruction* k = find(i.ip))
            return k;
        if (all_.size() == capacity)
            return nullptr;
        index_[slot_of(i.ip)] = static_cast<std::uint32_t>(all_.size());
        all_.push_back({i, {}});
        return &all_.back();
    }
    const std::vector<known_instruction>& all() const noexcept { return all_; }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    /// Where its number is, or is to be.
    std::size_t slot_of(std::uintptr_t ip) const noexcept
    {
        std::size_t at = static_cast<std::size_t>((ip * 0x9e3779b97f4a7c15U) >> 32) % index_.size();
        while (index_[at] != none && all_[index_[at]].what.ip != ip)
            at = (at + 1) % index_.size();
        return at;
    }

    std::vector<std::uint32_t> index_;
    std::vector<known_instruction> all_;
};

} // namespace nmisim::explore
