// SPDX-License-Identifier: MIT
//
// Breakpoints in the programs that are traced, each for one hit. A child that was forked with them in its memory runs onto them
// as well, maybe long after they were met here: there they are taken away in passing.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/trace/task.hpp"

#include <map>
#include <optional>
#include <utility>

namespace nmisim::exec {

class breakpoints {
public:
    /// False: there is no code.
    bool plant(const task& t, std::uintptr_t at);
    struct hit {
        std::uintptr_t at;
        bool
            inherited; ///< planted in another process, before this one was forked; or another thread has just met it
    };
    /// The task has stopped at a breakpoint. It is gone then, and the task goes on with the instruction. Nothing: it is none
    /// of ours.
    std::optional<hit> take(const task& t);
    /// The process executes another program, or has ended.
    void forget(pid_t tgid);

private:
    struct planted {
        std::uint64_t code = 0; ///< as it was
        bool is_there = false;  ///< in the process itself
    };
    std::map<std::pair<pid_t, std::uintptr_t>, planted> code_;
};

} // namespace nmisim::exec
