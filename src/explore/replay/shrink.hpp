// SPDX-License-Identifier: MIT
//
// The smallest schedule that ends like a given one: without one of its stops, with all stores drained, stopped earlier;
// again, until nothing helps.
#pragma once

#include "explore/memory/contexts.hpp"

#include <functional>

namespace nmisim::explore {

/// `is_bad`: whether a schedule ends like `s`; it is asked for few of them.
schedule shrunk(schedule s, const std::function<bool(const schedule&)>& is_bad);

/// The same stops of the same threads.
bool same_schedule(const schedule& a, const schedule& b) noexcept;

} // namespace nmisim::explore
