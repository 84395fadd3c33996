// SPDX-License-Identifier: MIT
//
// Runs a command under ptrace: follows every thread and child, puts the handler into each program that is executed, lets
// the strategy look at each stop, and ends what is left. One loop handles every stop; nothing waits for a certain one, because
// an exec may fail (the search through PATH), a child's first stop may come before its parent's report of the birth, and
// whoever is waited for may be killed.
//
//   a task: held until its birth is reported --> runs --stop--> looked at --> runs ... --> ended
//
// PTRACE_O_EXITKILL ends all of them if we die.
#pragma once

#include "exec/trace/launch.hpp"
#include "exec/trace/shooter.hpp"
#include "exec/trace/stop.hpp"
#include "exec/trace/strategy.hpp"
#include "exec/trace/wake_ups.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nmisim::exec {

struct trace_options {
    int signal = 0;      ///< that stands for the NMI
    bool restart = true; ///< its handler has SA_RESTART
    double rate_hz = 0;  ///< of the storm, per thread
    std::uint64_t seed = 1;
    std::uint64_t timeout_ns = 0;
    bool wait_all = false;     ///< also for what the command leaves behind
    bool main_only = false;    ///< NMIs for the command's own process alone
    bool ignore_masks = false; ///< a mask that has the NMI's signal is opened
};

struct traced_end {
    std::string absent;         ///< why it could not be traced, or empty
    int exec_error = 0;         ///< errno of an execve that failed; 0: the command was there
    int status = 0;             ///< of waitpid
    bool hang = false;          ///< it did not end in time
    bool own_handler = false;   ///< it wants the NMI's signal for itself
    unsigned left_behind = 0;   ///< processes that outlived the command
    unsigned unarmed = 0;       ///< programs that no handler could be put into
    std::uint64_t unmasked = 0; ///< times a mask was opened
    std::uint64_t delivered = 0;
    std::uint64_t suppressed = 0; ///< met a process without the handler
    std::uint64_t held = 0;       ///< sent, and never taken
    std::uint64_t blocked = 0;    ///< ... because the thread has the signal in its mask
    shots sent;
    std::vector<std::shared_ptr<process>> processes; ///< in the order of their births
};

class supervisor {
public:
    supervisor(launched& command, const trace_options& how, strategy& s, wake_ups& w);

    /// Returns when the command has ended, and all that it left behind.
    traced_end run();

private:
    task& add(pid_t tid, std::shared_ptr<process> in);
    void remove(pid_t tid);
    void resume(task& t, int signal = 0);
    void handle(pid_t tid, int status);
    void handle(task& t, const stop& s);
    void born(task& parent, pid_t tid);
    void leader_replaced(task& t, pid_t former);
    void executed(task& t, pid_t former);
    void arm(task& t);
    void set_armed(process& p, bool armed);
    void signal(task& t, int number);
    bool trapped(task& t);
    void claim_lost();
    void open_masks();
    void unmask(task& t);
    void end_all();

    launched& command_;
    const trace_options how_;
    strategy& strategy_;
    wake_ups& wake_ups_;
    shooter shooter_;
    std::map<pid_t, task> tasks_;
    std::map<pid_t, std::optional<int>>
        unborn_; ///< seen before their birth is reported; a value: already ended
    std::uint64_t unborn_since_ns_ = 0;
    bool main_ended_ = false;
    traced_end end_;
};

} // namespace nmisim::exec
