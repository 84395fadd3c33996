// SPDX-License-Identifier: MIT
//
// How long somebody waits for what should come to its end by itself. Only time counts in which this process was there to
// see it: one that was stopped (Ctrl-Z, a suspended machine) finds at its return that hours have passed, and nothing
// that it waits for had any of them either. Context: control.
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
