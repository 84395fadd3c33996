// SPDX-License-Identifier: MIT
//
// Which Linux CPUs the machine's threads run on when vCPUs are pinned: vCPU i has the (i+1)-th allowed CPU for itself.
// Threads that raise NMIs or swap handlers keep off those CPUs: a thread that spins there would take turns of several
// milliseconds with the vCPU, and an NMI would wait for such a turn.
//
// Context: control, vcpu; the calling thread. The set of allowed CPUs is the thread's, inherited from its creator.
#pragma once

namespace nmisim {

/// To the n-th allowed CPU, counted modulo their number. Returns it, -1 if that was refused.
int pin_self(int n) noexcept;

/// To the one that it runs on just now. Refused: nothing happens.
void pin_self_here() noexcept;

/// Off the CPUs that belong to `vcpus` pinned vCPUs, if that leaves one; otherwise, and if refused, nothing happens.
void leave_cpus_of(int vcpus) noexcept;

} // namespace nmisim
