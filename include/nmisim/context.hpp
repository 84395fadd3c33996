// SPDX-License-Identifier: MIT
//
// "Where am I?" for code that may run in more than one context. Kernel: linux/preempt.h, linux/smp.h.
#pragma once

#include "nmisim/export.hpp"

namespace nmisim {

/// True between nmi_enter and nmi_exit of the calling thread. Context: any. Progress: wait-free.
[[nodiscard]] NMISIM_API bool in_nmi() noexcept;

/// The calling vCPU's number, -1 on a thread that is none. Context: any. Progress: wait-free.
[[nodiscard]] NMISIM_API int smp_processor_id() noexcept;

/// "The next NMI is no second half of the last one, even if it interrupts the same instruction": for code that
/// waits at one place, as an idle loop does. Context: vcpu, any. Progress: wait-free, one store.
/// Kernel: local_touch_nmi().
NMISIM_API void local_touch_nmi() noexcept;

} // namespace nmisim
