// SPDX-License-Identifier: MIT
//
// The program's exit codes, for scripts. 77 is what `meson test` and automake read as "skipped".
#pragma once

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

struct exit_code_info {
    std::string_view code;
    std::string_view meaning;
};

inline constexpr std::array all_exit_codes{
    exit_code_info{"0", "every check looked at something and held"},
    exit_code_info{"1",
                   "could not run, or could not write a report (3 and 4 stay): a thread, a file, memory"},
    exit_code_info{"2", "bad usage"},
    exit_code_info{"3", "a check failed, or looked at nothing"},
    exit_code_info{"4", "a --fail-if condition held"},
    exit_code_info{"77", "this system or build lacks something needed (read as 'skipped' by meson test)"},
    exit_code_info{"130", "interrupted by SIGINT before its duration; 143: by SIGTERM"},
};

} // namespace nmisim::cli
