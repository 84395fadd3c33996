// SPDX-License-Identifier: MIT
//
// Exploration reports for machines and as a picture. Text is part of the public interface (to_text).
#pragma once

#include "nmisim/explore.hpp"

#include <span>
#include <string>
#include <string_view>

namespace nmisim::explore {

inline constexpr int explore_schema_version = 1;

/// One document for all of them, see docs/nmi-sim-explore-1.schema.json. `complete`: no window was left out
/// because somebody stopped the exploration; nothing at all is never complete. `absent`: why nothing can be explored.
std::string to_json(std::span<const any_report> reports, std::span<const std::string> argv,
                    bool complete = true, std::string_view absent = {});

/// The map as a heat map: the reader's instructions down, the updater's across, one panel for each order.
/// Light and dark by the viewer's preference; every cell says on hover what it is.
std::string to_svg(const map_report& r);

} // namespace nmisim::explore
