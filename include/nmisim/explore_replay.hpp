// SPDX-License-Identifier: MIT
//
// A finding, once more. Each finding of a report has a token, one word without spaces; the program that found it repeats
// it with
//
//     const auto r = explore::replay(what, token);   // `what`: the target or race that was explored
//     return exit_code(r);                           // 3: the finding came again
//
// The token says where each thread stopped as object, offset and round, so the program may be loaded elsewhere. It holds
// for one build: if the program, or a library that the schedule goes through, is another one, nothing is run, and
// `absent` names it (exit code 77).
//
// Context: control, as explore.hpp.
#pragma once

#include "nmisim/explore.hpp"

#include <functional>

namespace nmisim::explore {

/// The replayed run, before the last context at which two threads are inside their code, or else before its last one: of a
/// sweep before the NMI; of two signals, the second one in the handler of the first, before the second. Every thread of it
/// stands still: a debugger that is attached to `pid` shows each at its instruction. It must let go of the process before the run goes on: the explorer steps by traps, too.
struct held_run {
    int pid = 0;
    int thread = 0;  ///< the one that is interrupted; of a race the reader
    int updater = 0; ///< 0: there is none
    int reader2 = 0; ///< the same
};
/// Context: the caller's process. The run goes on when this returns.
using on_hold = std::function<void(const held_run&)>;

/// Runs the schedule of the token. The report has that one finding, or is incomplete and says how the run ended.
/// `held`: the run is made twice, and the second one is held. Errors: std::system_error if no child process can be started.
NMISIM_API sweep_report replay(const target& what, std::string_view token, const limits& within = {},
                               const on_hold& held = {});
NMISIM_API map_report replay(const race& what, std::string_view token, const limits& within = {},
                             const on_hold& held = {});

/// The name of the target or race that a token is of; empty: it is no token.
NMISIM_API std::string target_of_token(std::string_view token);

} // namespace nmisim::explore
