// SPDX-License-Identifier: MIT
//
// The first call of a function: recorded by single steps, and then met again in other runs, with a signal put at one of its
// instructions. A program is looked at where it starts, the loader has finished then: a breakpoint at its entry, one at the
// function's, and in the runs behind that one at the instruction alone.
//
// The signal is queued while the thread is stopped there, so that it is delivered before the instruction executes.
#pragma once

#include "exec/handlers/function_name.hpp"
#include "exec/trace/breakpoints.hpp"
#include "exec/trace/strategy.hpp"
#include "explore/decode/code_bytes.hpp"
#include "nmisim/explore.hpp"

#include <compare>
#include <map>
#include <string>
#include <vector>

namespace nmisim::exec {

/// What both runs share: the way to the function.
class way_to_function : public strategy {
public:
    explicit way_to_function(function_name f) : function_(std::move(f)) {}

    void executed(task& t) override;
    bool at_breakpoint(task& t) override;
    void gone(task& t) override;

    /// A program has it.
    bool found() const noexcept { return found_; }

protected:
    /// Whether the function of this task's program may be the one.
    virtual bool wanted(const task& t) const = 0;
    /// The program has the function.
    virtual void there(task& t, const function_range& range) = 0;
    /// A breakpoint that was planted.
    virtual void came(task& t, std::uintptr_t at) = 0;

    breakpoints stops;

private:
    const function_name function_;
    bool found_ = false;
    std::map<pid_t, std::uintptr_t> entries_;
};

/// What is needed to meet the recorded call in another run.
struct known_call {
    function_name where; ///< to be found again without a look at symbols
    std::string path;    ///< of the process, and what it runs
    std::string exe;
};

class recorded_call final : public way_to_function {
public:
    static constexpr std::uint32_t most_steps = 200'000;

    struct boundary {
        std::uint64_t offset; ///< in the function
        std::uint64_t visit;  ///< so often it was come to, with this time
        auto operator<=>(const boundary&) const = default;
    };

    recorded_call(function_name f, int signal) : way_to_function(std::move(f)), signal_(signal) {}

    bool steps(const task& t) const noexcept override { return t.tid == tid_; }
    void stepped(task& t) override;
    void gone(task& t) override;

    const std::vector<boundary>& boundaries() const noexcept { return boundaries_; }
    const explore::place& place_of(std::uint64_t offset) const { return places_.at(offset); }
    const known_call& known() const noexcept { return known_; }
    /// Of the first boundary at which the program has a handler for the signal; boundaries().size(): of none.
    std::size_t first_with_handler() const noexcept { return first_with_handler_; }
    std::uint32_t steps_made() const noexcept { return steps_; }
    bool cut() const noexcept { return cut_; }

private:
    bool wanted(const task& /*t*/) const override { return tid_ == 0 && !over_; }
    void there(task& t, const function_range& range) override;
    void came(task& t, std::uintptr_t at) override;
    void note(task& t, std::uintptr_t ip);
    void finish(task& t);

    const int signal_;
    pid_t tid_ = 0;
    bool over_ = false;
    bool cut_ = false;
    std::map<pid_t, function_range> ranges_; ///< of each program that has it
    function_range range_;                   ///< of the one that is recorded
    std::uintptr_t entry_sp_ = 0;
    std::uint32_t steps_ = 0;
    std::vector<boundary> boundaries_;
    std::size_t first_with_handler_ = 0;
    bool has_handler_ = false;
    std::map<std::uint64_t, std::uint64_t> visits_;
    std::map<std::uint64_t, explore::code_bytes> code_;
    std::map<std::uint64_t, explore::place> places_;
    known_call known_;
};

/// The way to it in another run.
class way_to_known_call : public way_to_function {
protected:
    explicit way_to_known_call(known_call c) : way_to_function(c.where), call_(std::move(c)) {}

private:
    bool wanted(const task& t) const final
    {
        return !found() && t.in->path == call_.path && t.in->exe == call_.exe;
    }

    const known_call call_;
};

class placed_signal final : public way_to_known_call {
public:
    enum class state { not_reached, no_handler, blocked, delivered, elsewhere };

    placed_signal(known_call c, int signal, recorded_call::boundary where)
        : way_to_known_call(std::move(c)), signal_(signal), where_(where)
    {}

    bool steps(const task& t) const noexcept override { return passing_.count(t.tid) != 0; }
    void stepped(task& t) override;
    bool own_signal(task& t, int signal) override;
    void gone(task& t) override;

    state what() const noexcept { return state_; }

private:
    void there(task& t, const function_range& range) override;
    void came(task& t, std::uintptr_t at) override;

    const int signal_;
    const recorded_call::boundary where_;
    std::map<pid_t, std::uintptr_t>
        passing_; ///< threads that step over an instruction whose breakpoint comes back
    std::uint64_t visits_ = 0;
    std::uintptr_t place_ = 0;
    pid_t shot_ = 0;
    state state_ = state::not_reached;
};
std::string_view name_of(placed_signal::state s) noexcept;

} // namespace nmisim::exec
