// SPDX-License-Identifier: MIT
//
// The program's exit codes, for scripts. 77 is what `meson test` and automake read as "skipped".
#pragma once

#include "cli/options/settings.hpp"

#include <array>
#include <string_view>

namespace nmisim::cli {

enum exit_code : int {
    exit_pass = 0,
    exit_could_not_run = 1,
    exit_usage = 2,
    exit_check_failed = 3,
    exit_threshold = 4,
    exit_unsupported = 77,
};

/// What a code means, of some verbs; a code has a row for each of its meanings, one behind the other.
struct exit_code_info {
    std::string_view code;
    verb_set verbs; ///< none of the others ends with it
    std::string_view meaning;

    constexpr bool is_for(verb_set v) const noexcept { return (static_cast<unsigned>(verbs) & v) != 0; }
};

inline constexpr std::array all_exit_codes{
    exit_code_info{"0", for_run, "every check looked at something and held"},
    exit_code_info{"0", for_explore, "everything asked for was explored, and nothing was found"},
    exit_code_info{"0", for_exec | for_merge,
                   "NMIs came, and no outcome differs; handlers that ran call nothing unsafe"},
    exit_code_info{"0", for_selftest, "no testcase failed"},
    exit_code_info{"0", for_page | for_list, "done"},
    exit_code_info{"1", for_run,
                   "could not run, or could not write a report (3 and 4 stay): a thread, a file, memory"},
    exit_code_info{"1", for_explore,
                   "could not run, not all was explored, or could not write a report (3 stays)"},
    exit_code_info{"1", for_exec | for_merge,
                   "could not run, or looked at nothing: no NMI came, no handler ran; or could not write a "
                   "report (3 and 4 stay)"},
    exit_code_info{"1", for_selftest | for_page | for_list, "could not run: a thread, a file, memory"},
    exit_code_info{"2", for_all, "bad usage"},
    exit_code_info{"3", for_run, "a check failed, or looked at nothing"},
    exit_code_info{"3", for_explore, "something was found"},
    exit_code_info{"3", for_exec | for_merge, "an outcome differs, or a handler calls something unsafe"},
    exit_code_info{"3", for_selftest, "a testcase failed"},
    exit_code_info{"4", for_run | for_exec | for_merge,
                   "a --fail-if condition held, or its figure was not measured"},
    exit_code_info{"77", for_run | for_explore | for_exec | for_merge,
                   "this system or build lacks something needed (read as 'skipped' by meson test)"},
    exit_code_info{"130", for_all, "interrupted by SIGINT before its end; 143: by SIGTERM"},
};

} // namespace nmisim::cli
