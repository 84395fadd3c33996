// SPDX-License-Identifier: MIT
//
// The first call of a function once more, stepped, and at each of its instructions that is asked for a child forked which takes
// the signal there and runs to its end. So a signal at an instruction costs a fork, and not a start of the program.
//
//   steps to an instruction --> child with the signal, compared --> ... --> a child without, compared --> these count --> ...
//
// A child runs while the thread steps on to the next one and is forked again there; before that child goes on, the one before
// must have ended, for they share the output and positions in files.
//
// What a fork does not carry over is looked for (forkable.hpp) before the first child and behind each system call that the
// function makes. Children without a signal must come to the same as the command itself: two at first, then one behind each
// few children with it, and before each system call. Where one does not, what came since the last that did is forgotten, and
// nothing more is forked.
#pragma once

#include "exec/handlers/forked_child.hpp"
#include "exec/handlers/function_call.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nmisim::exec {

class forked_call final : public way_to_known_call {
public:
    struct plan {
        int signal = 0;
        std::vector<recorded_call::boundary> todo;
        /// In what an outcome differs from that of the command itself.
        std::function<aspects(const outcome&)> differences;
        aspects compared;
        /// Is told of each child that counts, in the order of the call.
        std::function<void(const recorded_call::boundary&, forked_run)> done;
    };

    forked_call(known_call c, plan p);

    void begins(const run_means& means) override { means_.emplace(means); }
    bool steps(const task& t) const noexcept override { return t.tid == tid_; }
    void stepped(task& t) override;
    bool other_stopped(pid_t pid, int status) override;
    std::uint64_t kept_waiting_ns() const noexcept override { return kept_waiting_ns_; }

    /// Why not every one was forked; empty: each that was come to.
    const std::string& why_not() const noexcept { return why_not_; }

private:
    struct finished {
        recorded_call::boundary at;
        forked_run run;
    };

    void there(task& t, const function_range& range) override;
    void came(task& t, std::uintptr_t at) override;
    void look(task& t, const saved_registers& r);
    void before_a_call(task& t);
    void look_again(task& t);
    void try_here(task& t, recorded_call::boundary at);
    void fork_here(task& t, recorded_call::boundary at);
    void settle(task& t);
    forked_run end_of(task& t, forked_child& child);
    bool forks_well(task& t);
    void put_positions_back(task& t);
    void commit();
    void end(task& t, std::string why);

    const plan plan_;
    std::set<recorded_call::boundary> todo_;
    std::optional<run_means> means_;
    std::uintptr_t start_ = 0;
    std::uintptr_t end_ = 0;
    pid_t tid_ = 0;
    bool over_ = false;
    std::uintptr_t entry_sp_ = 0;
    std::map<std::uint64_t, std::uint64_t> visits_;
    bool to_look_at_ = true; ///< a system call may have changed what a fork carries over
    bool has_handler_ = false;
    bool trusted_ = false;
    std::uint64_t kept_waiting_ns_ = 0;
    forkable how_;
    std::unique_ptr<forked_child> running_; ///< with the signal
    recorded_call::boundary running_at_{};
    std::vector<finished> unproven_; ///< since the last child without a signal
    std::string refused_why_;        ///< of the last child with it that could not stand for a run of its own
    std::string why_not_;
};

} // namespace nmisim::exec
