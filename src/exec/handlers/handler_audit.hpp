// SPDX-License-Identifier: MIT
//
// The audit: each handler of the program is stepped, instruction by instruction, when a signal that it is for is delivered.
// Signals are the program's own. With a signal that is named, more can be sent: at the entry of the 1st, 2nd, 4th, 8th ...
// system call behind the handler's installation, and where no call comes for a tenth of a second, then; so often in each
// process, and no more.
//
// A handler that has taken many steps in all runs free from then on, and is counted.
#pragma once

#include "exec/handlers/handler_table.hpp"
#include "exec/trace/strategy.hpp"

#include <map>
#include <vector>

namespace nmisim::exec {

class handler_audit final : public strategy {
public:
    static constexpr std::uint32_t most_steps = 300'000; ///< of a handler
    static constexpr unsigned most_sent = 16;            ///< to a process

    /// `signal`: only its handlers; 0: all. `send`: see above.
    handler_audit(handler_table& table, int signal, bool send) noexcept
        : table_(table), signal_(signal), send_(send)
    {}

    bool stops_at_calls() const noexcept override { return true; }
    void call_entry(task& t, const interrupted& at) override;
    void call_exit(task& t, const interrupted& at) override;
    void executed(task& t) override;
    bool steps(const task& t) const noexcept override { return walks_.count(t.tid) != 0; }
    void stepped(task& t) override;
    bool own_signal(task& t, int signal) override;
    void idle() override;
    void born(task& t) override;
    void gone(task& t) override;

    std::uint64_t sent() const noexcept { return sent_; }

private:
    /// A process that has a handler for the signal that is sent.
    struct receiver {
        std::uint64_t calls = 0;
        unsigned sent = 0;
        std::uint64_t last_ns = 0;
    };

    bool is_looked_at(int signal) const noexcept;
    void enter(task& t, walk& w, const saved_registers& r);
    void end(task& t, walk::state how);
    void send(pid_t tgid, receiver& to);

    handler_table& table_;
    const int signal_;
    const bool send_;
    std::map<pid_t, std::vector<walk>> walks_; ///< by thread: the innermost last
    std::map<const audited_handler*, std::uint64_t> steps_;
    std::map<pid_t, receiver> receivers_;
    std::map<pid_t, unsigned> outstanding_; ///< signals that the audit has sent to a process
    std::uint64_t sent_ = 0;
};

} // namespace nmisim::exec
