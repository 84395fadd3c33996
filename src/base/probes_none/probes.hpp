// SPDX-License-Identifier: MIT
//
// For systems without <sys/sdt.h>: no probes, no cost. Sibling: base/probes_sdt.
#pragma once

#define NMISIM_PROBE1(name, a) static_cast<void>(a)
#define NMISIM_PROBE2(name, a, b) (static_cast<void>(a), static_cast<void>(b))
