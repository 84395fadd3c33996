// SPDX-License-Identifier: MIT
//
// All the runs of an exec, and what they add up to:
//
//   plain runs          what the command does by itself; in what they differ among themselves is not compared
//   a traced run        without NMIs: a command that does not live under ptrace is not judged
//   a storm             each with and without SA_RESTART, as asked
//   where one differs   the same again, with a run without NMIs beside each: a difference counts if it repeats with NMIs,
//                       and does not come without
//
// A loaded machine makes a run hang, a rare race makes one differ: neither is a finding until it repeats.
#pragma once

#include "exec/exec_report.hpp"

#include <functional>
#include <string_view>

namespace nmisim::exec {

/// Is told what is about to be done: "plain run 1 of 2".
using progress = std::function<void(std::string_view)>;

/// Is shown the report once its runs without NMIs are there, and after each call that is finished: what is worth keeping
/// if we are killed.
using journal = std::function<void(const exec_report&)>;

// Context: control; the caller has no other children. Errors: std::system_error where the machine lacks something.
// `before`: what an earlier search of the same has finished; nullptr: nothing.
exec_report run_storm(const exec_config& c, const progress& tell, const journal& note);
/// An NMI in each system call, one a run; or, with exec_config::at, in those that it names.
exec_report run_each_call(const exec_config& c, const progress& tell, const journal& note,
                          const exec_report* before);
/// The program's own handler at every instruction of a function.
exec_report run_function(const exec_config& c, const progress& tell, const journal& note,
                         const exec_report* before);
/// One traced run in which each handler that the program's own signals reach is stepped.
exec_report run_audit(const exec_config& c, const progress& tell);
/// Where the command spends its CPU time. One run: nothing is compared.
exec_report run_profile(const exec_config& c, const progress& tell);

} // namespace nmisim::exec
