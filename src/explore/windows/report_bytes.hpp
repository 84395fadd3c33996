// SPDX-License-Identifier: MIT
//
// A report as bytes, from one process of this program to another. Not a file format: both are the same build.
#pragma once

#include "nmisim/explore.hpp"

#include <string>
#include <string_view>

namespace nmisim::explore {

std::string to_bytes(const any_report& r);
/// Errors: std::runtime_error if they are not of a report.
any_report report_of_bytes(std::string_view bytes);

} // namespace nmisim::explore
