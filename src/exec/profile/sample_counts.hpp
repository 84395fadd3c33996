// SPDX-License-Identifier: MIT
//
// What became of the samples of a profile, and of their buffers.
#pragma once

#include <cstdint>

namespace nmisim::exec {

struct sample_counts {
    std::uint64_t taken = 0;
    std::uint64_t no_room = 0; ///< the buffer was full
    std::uint64_t cut_off = 0; ///< their process was killed while it wrote them
    std::uint64_t gave_up = 0; ///< era after era was over
    std::uint64_t swaps = 0;
    std::uint64_t drained = 0; ///< buffers
    unsigned eras = 1;

    std::uint64_t lost() const noexcept { return no_room + cut_off + gave_up; }
};

} // namespace nmisim::exec
