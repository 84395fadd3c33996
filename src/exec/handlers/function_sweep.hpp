// SPDX-License-Identifier: MIT
//
// What a sweep of a function found, as plain data: a signal at each instruction of one call, one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::exec {

/// An aspect of the outcome that differs with NMIs, or with the signal.
struct difference {
    std::string aspect;
    bool restart = true;
    std::string without; ///< NMIs
    std::string with;
    unsigned seen = 0; ///< in so many
    unsigned runs = 0; ///< of so many
    bool counts() const noexcept { return seen >= 2; }
};
bool any_counts(const std::vector<difference>& all) noexcept;

struct boundary_run {
    std::string at; ///< "work+0xf#2"
    std::string source;
    std::string instruction; ///< the one that the signal comes before
    std::string_view state;  ///< "delivered", "no-handler" ...: where the signal went
    bool forked = false;     ///< in a child forked there; else in a run of its own, or in a call of its own
    std::uint64_t call = 0; ///< that it was put into, with others in other calls; 0: the first one, and alone
    std::uint64_t execution = 0; ///< of the instruction, which --at repeats; 0: as `at` says
    std::vector<difference> differences;
};

struct function_sweep {
    std::string path; ///< of the process whose call was recorded; empty: none was
    std::string exe;
    std::uint32_t steps = 0;           ///< of that call, with all that it calls
    bool cut = false;                  ///< it has more
    std::uint64_t instructions = 0;    ///< of the function itself that the call comes to
    std::uint64_t boundaries = 0;      ///< ... and how often, in all
    std::uint64_t without_handler = 0; ///< of these: before the program has a handler
    std::uint64_t elapsed_ns = 0;      ///< of the runs
    std::uint64_t refuted = 0;         ///< children that differed, and no run of its own did
    std::string why_not_forked;        ///< the others; empty: there are none, or they are repeated findings
    std::uint64_t spread_runs = 0;     ///< with signals in many calls, one each
    std::uint64_t only_together = 0;   ///< places that differed with others, it seemed, and not alone
    std::string why_not_spread;        ///< the others; empty: all were
    std::vector<boundary_run> runs;    ///< in the order of the call
};

} // namespace nmisim::exec
