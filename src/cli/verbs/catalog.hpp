// SPDX-License-Identifier: MIT
//
// All values that a user can choose, by topic: `nmi-sim list` prints them and shell completions offer them. Names come
// from the enums and tables that the options parse with; only the descriptions are here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::cli {

struct catalog_entry {
    std::string name;
    std::string text;
};

struct catalog_topic {
    std::string_view name;  ///< "flavors"
    std::string_view title; ///< "liburcu flavors (--flavor)"
    std::vector<catalog_entry> (*entries)();
};

std::span<const catalog_topic> all_topics();
const catalog_topic* find_topic(std::string_view name);

} // namespace nmisim::cli
