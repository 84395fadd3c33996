// SPDX-License-Identifier: MIT
//
// The profile in the JSON of an exec, and a file of its own for tools that draw stacks.
#pragma once

#include "exec/exec_report.hpp"
#include "report/json/json_value.hpp"

namespace nmisim::exec {

/// null where none was asked for. `outcome`: of the run.
json_value profile_json(const profile_found& p, json_value outcome);

} // namespace nmisim::exec
