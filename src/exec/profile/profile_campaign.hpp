// SPDX-License-Identifier: MIT
//
// --profile: where the command spends its CPU time. One run: nothing is compared.
#pragma once

#include "exec/campaign.hpp"

namespace nmisim::exec {

exec_report run_profile(const exec_config& c, const progress& tell);

} // namespace nmisim::exec
