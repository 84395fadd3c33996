// SPDX-License-Identifier: MIT
//
// "Where am I?" for code that may run in more than one context. Kernel: linux/preempt.h, linux/smp.h.
#pragma once

namespace nmisim {

/// True between nmi_enter and nmi_exit of the calling thread. Context: any. Progress: wait-free.
[[nodiscard]] bool in_nmi() noexcept;

/// The calling vCPU's number, -1 on a thread that is none. Context: any. Progress: wait-free.
[[nodiscard]] int smp_processor_id() noexcept;

} // namespace nmisim
