// SPDX-License-Identifier: MIT
//
// What the text of a report is made of. exec_text.cpp puts it together.
#pragma once

#include "exec/exec_report.hpp"

namespace nmisim::exec {

/// A line below a heading, "             3 <what>"; with `one`, as plural_text() takes it, "             3 threads <what>". Empty
/// where there is none.
std::string note_text(std::uint64_t n, std::string_view what, std::string_view one = {},
                      std::string_view many = {});
/// Lines of the same kind: what differs, and how often it did.
std::string found_text(const std::vector<difference>& found);

// handlers/function_text.cpp
std::string function_text(const exec_report& r);
/// The options that repeat it: " --signal USR1 --function work".
std::string function_options(const exec_config& c);

// handlers/audit_text.cpp
std::string audit_text(const exec_report& r);
/// Of verdicts `safe` and `unsafe`.
std::string audit_verdict_text(const exec_report& r);

// profile/profile_text.cpp
std::string profile_text(const exec_report& r);

} // namespace nmisim::exec
