// SPDX-License-Identifier: MIT
//
// The threads and processes of a traced program. A process is named by its path of births, because pids differ from run
// to run: `0` is the command, `0.2` its second child, `0.2.1` that one's first. Where threads are told apart, in a profile, they
// are `0.2/1`, `0.2/2`.
//
//   process: unarmed --program executed, handler put in--> armed --execve--> unarmed
//
// A child has its parent's handler, and is armed if the kernel says that it has it. An NMI for an unarmed process is
// suppressed at its delivery: it would kill.
#pragma once

#include "exec/trace/arch.hpp"
#include "exec/trace/shooter.hpp"

#include <memory>
#include <string>

namespace nmisim::exec {

struct process {
    pid_t tgid = 0;
    std::string path;
    std::string exe; ///< file name of the program that it runs
    bool armed = false;
    unsigned births = 0;
    unsigned threads = 1;
    std::uintptr_t stub_page = 0;
    std::uint64_t calls = 0; ///< counted by a strategy that stops at each
};

struct task {
    pid_t tid = 0;
    std::shared_ptr<process> in;
    std::shared_ptr<target> aim;
    bool awaits_exec_exit = false;
    int given = 0;          ///< a signal to be delivered in the place of a trap: before the next instruction
    bool to_unmask = false; ///< was asked to stop, so that its mask can be opened
    /// A guarded call was given another argument; it is put back behind the call.
    int changed_argument = -1;
    std::uint64_t argument_before = 0;
};

} // namespace nmisim::exec
