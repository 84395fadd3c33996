// SPDX-License-Identifier: MIT
//
// The audit of a command: one traced run in which each handler that the program's own signals reach is stepped. With a signal
// that is named and that did not come by itself, a second run, which is sent some.
#pragma once

#include "exec/campaign.hpp"

namespace nmisim::exec {

/// Context: control; the caller has no other children. Errors: std::system_error where the machine lacks something.
exec_report run_audit(const exec_config& c, const progress& tell);

} // namespace nmisim::exec
