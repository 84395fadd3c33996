// SPDX-License-Identifier: MIT
//
// The program's own handler at every instruction of a function: the function's first call is recorded by single steps; then
// each (instruction, visit) of it gets the signal exactly there, in a child that is forked there (forked_call.hpp) or in a run of
// its own. Once an instruction is not enough: what breaks in the second round of a loop shows in no first visit. What differs is
// tried again, in runs of its own.
#pragma once

#include "exec/campaign.hpp"

namespace nmisim::exec {

/// Context: control; the caller has no other children. Errors: std::system_error where the machine lacks something.
/// `before`: what an earlier search of the same has finished; nullptr: nothing.
exec_report run_function(const exec_config& c, const progress& tell, const journal& note,
                         const exec_report* before);

} // namespace nmisim::exec
