// SPDX-License-Identifier: MIT
//
// From evidence to verdict: adds up what vCPUs, the pool and the control side recorded, and says for each check
// whether it looked at something and what it found. Context: control, after the drain.
#pragma once

#include "nmisim/machine.hpp"
#include "verify/parts/element_pool.hpp"
#include "verify/run_report.hpp"

#include <vector>

namespace nmisim {

/// The NMI's pool first, then one per IRQ line.
using pool_list = std::vector<const element_pool*>;

/// Fills report.cpus, .total, .irqs and .handler_age from the machine's books.
void gather_books(machine& m, run_report& report);

/// Fills report.checks; gather_books() came before, and `start_ns` is when the run began. `control` holds what
/// the run itself noticed (stalls).
void judge(machine& m, const pool_list& pools, const check_block& control, std::uint64_t start_ns,
           run_report& report);

/// Failures recorded so far, while the run is on, those of the pools too; conservation and the count of what was reclaimed
/// are judged at the end only.
std::uint64_t failures_so_far(machine& m, const pool_list& pools);

} // namespace nmisim
