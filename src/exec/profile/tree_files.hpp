// SPDX-License-Identifier: MIT
//
// What happens in a tree of processes, where the kernel's own records (tree_events.hpp) are refused: as far as /proc tells, looked at
// when a program has been executed, and again and again, at first soon. A process that executes nothing is not seen, nor is a library
// that a short program had mapped between two looks. Context: control.
#pragma once

#include "exec/profile/tree_events.hpp"

#include <map>
#include <set>

namespace nmisim::exec {

class tree_files {
public:
    explicit tree_files(pid_t command) : command_(command) { known_.insert(command); }

    /// Of a process that has just executed a program.
    std::vector<tree_event> executed(pid_t pid);
    /// What is to be told by now.
    std::vector<tree_event> look();

private:
    struct next_look {
        std::uint64_t at_ns;
        std::uint64_t wait_ns;
    };
    /// False: the process has ended.
    static bool add_mapped(pid_t pid, std::vector<tree_event>& to);

    const pid_t command_;
    std::set<pid_t> known_;
    std::map<pid_t, next_look> running_;
};

} // namespace nmisim::exec
