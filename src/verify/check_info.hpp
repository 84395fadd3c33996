// SPDX-License-Identifier: MIT
//
// The checks, one row each (check_info.cpp): its text, what it looks at, and how it is judged at the end of a run. A
// new check is a name in the enum (nmi/check.hpp) and its row.
#pragma once

#include "verify/run_report.hpp"

#include <string>
#include <string_view>

namespace nmisim {

struct machine_state;

struct check_info {
    check id;
    std::string_view invariant; ///< as `nmi-sim list checks` says it
    std::string_view looks_at;  ///< what one look looks at: "NMIs", "grace periods"
    /// What the end of the run adds to that which vCPUs, pools and watch have noted; null: nothing.
    void (*judge)(const machine_state&, const run_report&, check_report&) = nullptr;
    /// One phrase for the table; null: none.
    std::string (*evidence)(const run_report&, const check_report&) = nullptr;
};

const check_info& info_of(check c) noexcept;

} // namespace nmisim
