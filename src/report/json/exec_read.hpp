// SPDX-License-Identifier: MIT
//
// Reports of exec read back from their JSON, or from the journal that a run leaves that was killed, and made into one: the
// shards of a search that several machines have shared, or storms of different seeds.
#pragma once

#include "exec/exec_report.hpp"
#include "report/page/page.hpp"

#include <vector>

namespace nmisim::exec {

/// Of at least one. Errors: std::runtime_error that names the file.
exec_report merged(const std::vector<json_text>& files);
/// A journal to go on from, if it is one of that search. Errors: std::runtime_error.
exec_report resumed(const json_text& file, const exec_config& c);

} // namespace nmisim::exec
