// SPDX-License-Identifier: MIT
//
// One swap of a run as a picture: the controller's publish, grace period and reclaim, and beneath it the NMIs of
// each vCPU with the generation that they ran. In a run with a violation it is the swap that the violation belongs to;
// otherwise the one with the longest grace period.
#pragma once

#include "report/page/picture.hpp"
#include "verify/run_report.hpp"

#include <optional>
#include <string>

namespace nmisim {

struct swap_picture {
    picture drawn;
    std::string explanation; ///< one sentence
};

/// Empty: the timeline holds no swap.
std::optional<swap_picture> swap_timeline(const run_report& report);

} // namespace nmisim
