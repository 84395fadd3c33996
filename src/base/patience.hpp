// SPDX-License-Identifier: MIT
//
// How long to wait for something that should end by itself. Time in which the process was stopped (Ctrl-Z,
// a suspended machine) does not count: what it waits for could not run in that time either. Context:
// control.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nmisim {

class patience {
public:
    explicit patience(std::uint64_t limit_ns) noexcept : left_ns_(limit_ns) {}

    /// To be asked again and again, at least every `longest_turn_ns`: a longer time counts as that.
    bool is_over(std::uint64_t now) noexcept
    {
        if (last_ns_ != 0)
            left_ns_ -= std::min({left_ns_, longest_turn_ns, now - last_ns_});
        last_ns_ = now;
        return left_ns_ == 0;
    }

    static constexpr std::uint64_t longest_turn_ns = 100'000'000;

private:
    std::uint64_t left_ns_;
    std::uint64_t last_ns_ = 0;
};

} // namespace nmisim
