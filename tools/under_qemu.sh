#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs one of the tests' programs under qemu-user: `under_qemu.sh ROOT PROGRAM [ARGUMENT...]`. What qemu-user cannot do is left out
# with its reason; it is known by what it lacks, not by how a test ended.
set -uo pipefail

# program | how the test's name begins, or nothing: all of its tests | why it is left out
left_out()
{
    cat <<'END'
backtrace_test|a backtrace of all vCPUs names|qemu-user has no process_vm_readv(2)
backtrace_test|backtraces during swaps|qemu-user has no process_vm_readv(2)
backtrace_test|the callers are found in the copy|qemu-user has no process_vm_readv(2)
bounds_test|of a stack that was taken in part|qemu-user has no process_vm_readv(2)
explore_forked_child_test|a child that stands still|/proc shows the system calls of qemu-user
explore_forked_child_test|the child of posix_spawn|qemu-user makes a vfork(2) a fork(2)
explore_map_test|a reader for which nobody writes|/proc shows the system calls of qemu-user
explore_map_test|an updater that spins for ever without a word|/proc shows the system calls of qemu-user
explore_one_state_test|a window that leaves every signal|/proc/self/task shows a thread of qemu-user's own
explore_one_state_test|a window whose path|/proc/self/task shows a thread of qemu-user's own
explore_one_state_test|how a run ends|/proc/self/task shows a thread of qemu-user's own
explore_quick_look_test|a thread that waits where no signal|qemu-user makes a vfork(2) a fork(2)
explore_standstill_test||/proc shows the system calls of qemu-user
explore_step_test|the kernel's code in the process|qemu-user has no vDSO
explore_sweep_test|a handler that takes the lock of the interrupted code is a hang|/proc shows the system calls of qemu-user
explore_two_signals_test|a second signal that the first one's handler blocks|qemu-user delivers what a system call opens inside that call
explore_windows_test||maps of most flavors do not end: /proc shows the system calls of qemu-user
fork_test|a forked child runs a machine of its own|qemu-user fails an assertion when a forked child starts a thread
interrupt_attach_test|a handler of others that interrupts a detach|/proc/self/task shows a thread of qemu-user's own
interrupt_fork_test|a child of _Fork()|qemu-user takes MADV_WIPEONFORK and does nothing
interrupt_hook_test||/proc/self/task shows a thread of qemu-user's own
interrupt_process_test||/proc/self/task shows a thread of qemu-user's own
nesting_test|the 16th NMI on top of each other|qemu-user does not nest a signal in itself so deep
own_pid_test|a child that clone(2) made|qemu-user refuses that clone(2)
profile_process||/proc/self/task shows a thread of qemu-user's own
selftest_test|the selftest fails when its handler|signals of qemu-user's timers name the host's timer
selftest_test|the selftest passes|signals of qemu-user's timers name the host's timer
source_test|a timer's expirations|signals of qemu-user's timers name the host's timer
source_test|each source raises NMIs|signals of qemu-user's timers name the host's timer
source_test|vCPUs that go and come back|signals of qemu-user's timers name the host's timer
END
}

root=$1 program=$2
shift 2
arguments=()
while IFS='|' read -r name start why; do
    if [[ $(basename "$program") == "$name" ]]; then
        [[ -n $start ]] || { echo "skipped: $why"; exit 77; }
        echo "  skipped: $start...: $why"
        arguments+=("~${start//,/\\,}*")
    fi
done < <(left_out)
exec qemu-aarch64 -L "$root" "$program" "$@" "${arguments[@]}"
