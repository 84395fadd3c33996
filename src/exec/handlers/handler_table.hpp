// SPDX-License-Identifier: MIT
//
// The handlers that a command's programs have installed, and what was seen of those that ran. One row for each handler of
// each program and signal; children that have it from their parent share it.
// Context: control, in the thread that traces; the task is stopped.
#pragma once

#include "exec/handlers/audited_handler.hpp"
#include "exec/handlers/walk.hpp"
#include "exec/trace/task.hpp"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace nmisim::exec {

class handler_table {
public:
    /// `allowed`: functions that somebody vouches for, and "errno".
    explicit handler_table(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

    audited_handler& row(const task& t, int signal, std::uintptr_t handler);
    /// What a walk has seen. `how` is not `inside`, or the task has ended there.
    void add(const task& t, walk& w, walk::state how);
    /// Where the C library of the task's process has __errno_location; 0: it is not known.
    std::uintptr_t errno_function(const task& t);
    /// Another program runs in the process from now on.
    void forget(const task& t);

    std::vector<audited_handler> rows() const;

private:
    void add_end(audited_handler& to, const task& t, const walk& w, walk::state how);
    void judge(audited_handler& to, const task& t, walk& w);

    const std::vector<std::string> allowed_;
    std::map<pid_t, std::uintptr_t> errno_functions_;
    std::map<std::pair<pid_t, std::uintptr_t>, std::pair<std::string, std::string>>
        names_; ///< and source line
    std::map<std::tuple<std::string, int, std::string>, audited_handler> rows_;
    std::vector<std::tuple<std::string, int, std::string>> order_;
    std::set<std::pair<const audited_handler*, std::uint64_t>> judged_; ///< and the steps' fingerprint
};

} // namespace nmisim::exec
