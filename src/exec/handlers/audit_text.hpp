// SPDX-License-Identifier: MIT
//
// An audit as text.
#pragma once

#include "exec/exec_report.hpp"

#include <string>

namespace nmisim::exec {

std::string audit_text(const exec_report& r);
/// Of verdicts `safe` and `unsafe`.
std::string audit_verdict_text(const exec_report& r);

} // namespace nmisim::exec
