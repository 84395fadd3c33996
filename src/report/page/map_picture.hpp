// SPDX-License-Identifier: MIT
#pragma once

#include "report/page/picture.hpp"

#include <nlohmann/json_fwd.hpp>

namespace nmisim::explore {

/// A map of an exploration, as its JSON has it.
/// Errors: nlohmann::json::exception where something is missing.
picture map_picture(const nlohmann::json& report);

} // namespace nmisim::explore
