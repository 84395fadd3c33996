// SPDX-License-Identifier: MIT
//
// USDT probes, provider `nmisim`: places in the running program where bpftrace, perf and SystemTap can attach. They
// find them by the notes that <sys/sdt.h> leaves in the executable. Each is one nop until somebody attaches; arguments
// are integers or pointers that the code has anyway. Context: any. Sibling: base/probes_none.
//
//   nmi_entry(cpu, raised_ns)   nmi_exit(cpu, generation)   publish(callback)
//   grace_period_begin(number)  grace_period_end(number)    reclaim(generation)
#pragma once

#include <sys/sdt.h>

#define NMISIM_PROBE1(name, a) DTRACE_PROBE1(nmisim, name, a)
#define NMISIM_PROBE2(name, a, b) DTRACE_PROBE2(nmisim, name, a, b)
