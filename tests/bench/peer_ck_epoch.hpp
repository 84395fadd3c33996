// SPDX-License-Identifier: MIT
//
// ck_epoch as a reader in a handler. A source file of its own, built if libck is installed.
#pragma once

#include "nmisim/regs.hpp"

namespace nmisim::bench {

void ck_epoch_dispatch(const pt_regs& regs) noexcept;
void ck_epoch_join();
void ck_epoch_leave();

} // namespace nmisim::bench
