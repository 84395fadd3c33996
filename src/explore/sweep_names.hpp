// SPDX-License-Identifier: MIT
//
// What of a sweep is told, and gets names.
// Context: control.
#pragma once

#include "explore/place/places.hpp"
#include "nmisim/explore.hpp"

namespace nmisim::explore {

/// What must not be, and comes again.
inline bool must_not_be(verdict v) noexcept
{
    return v == verdict::violation || v == verdict::crash || v == verdict::hang;
}

inline bool is_told(verdict v) noexcept
{
    return must_not_be(v) || v == verdict::not_reached;
}

inline bool has_finding(const sweep_report& r) noexcept
{
    return r.count(verdict::violation) + r.count(verdict::crash) + r.count(verdict::hang) != 0;
}

/// The boundaries that a report of findings shows.
std::vector<bool> printed(const recording& t, const sweep_report& r);

/// The call of the window's own object that led to each system call.
void name_call_sites(const recording& t, sweep_report& r, places& names);

} // namespace nmisim::explore
