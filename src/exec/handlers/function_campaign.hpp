// SPDX-License-Identifier: MIT
//
// The program's own handler at every instruction of a function: the function's first call is recorded by single steps; then
// each (instruction, visit) of it has a run of its own, with the signal exactly there. Once an instruction is not enough: what
// breaks in the second round of a loop shows in no first visit. What differs is tried again.
#pragma once

#include "exec/campaign.hpp"

namespace nmisim::exec {

/// Context: control; the caller has no other children. Errors: std::system_error where the machine lacks something.
/// `before`: what an earlier search of the same has finished; nullptr: nothing.
exec_report run_function(const exec_config& c, const progress& tell, const journal& note,
                         const exec_report* before);

} // namespace nmisim::exec
