// SPDX-License-Identifier: MIT
//
// liburcu's readers around the callback, without anything of ours: the floor of flavors memb and bp. One translation unit
// per flavor, because liburcu's headers require it. The thread is a bench_cpu of flavor memb, which registers it.
#pragma once

#include "nmisim/regs.hpp"

namespace nmisim::bench {

void liburcu_memb_dispatch(const pt_regs& regs) noexcept;
void liburcu_bp_dispatch(const pt_regs& regs) noexcept;

} // namespace nmisim::bench
