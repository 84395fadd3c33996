// SPDX-License-Identifier: MIT
//
// Signals at many places in one run, each in a call of the function that is its own:
//
//   entry, c-th time --> breakpoints at the place of call c and where it returns to --the place's visit--> signal --return--> entry
//
// So a place costs three stops, and two more for each visit before; it costs no fork. What a call calls of the same function is
// part of it. A place that its call does not come to is not reached. The program must have one thread: else calls have no order.
#pragma once

#include "exec/handlers/function_call.hpp"

#include <string>
#include <vector>

namespace nmisim::exec {

struct spread_place {
    recorded_call::boundary at; ///< its visit is counted within the call
    std::uint64_t call = 1;
};

class spread_signals final : public way_to_known_call {
public:
    struct plan {
        int signal = 0;
        std::vector<spread_place> places; ///< one of a call, in the order of calls
        bool counts = false; ///< how often the place, the only one, is come to from the program's start on
    };

    spread_signals(known_call c, plan p)
        : way_to_known_call(std::move(c)), plan_(std::move(p)), states_(plan_.places.size())
    {}

    bool steps(const task& t) const noexcept override { return t.tid == passing_; }
    void stepped(task& t) override;
    std::uint64_t kept_waiting_ns() const noexcept override { return kept_waiting_ns_; }

    /// Of each place.
    const std::vector<placed_signal::state>& states() const noexcept { return states_; }
    /// Which execution of the instruction by the process it was; with plan::counts.
    std::uint64_t execution() const noexcept { return execution_; }
    /// Why no other place was tried; empty: each whose call came.
    const std::string& why_not() const noexcept { return why_not_; }

private:
    void there(task& t, const function_range& range) override;
    void came(task& t, std::uintptr_t at) override;
    void begin_call(task& t, std::uintptr_t sp);
    void shoot(task& t);
    std::uintptr_t address_of(std::size_t place) const { return start_ + plan_.places[place].at.offset; }
    bool is_armed(std::uintptr_t at) const { return armed_ && address_of(next_ - 1) == at; }
    bool is_over() const { return next_ == plan_.places.size() && !armed_; }

    /// What a stop may take where the machine is loaded: no time of the command's.
    static constexpr std::uint64_t stop_ns = 1'000'000;

    const plan plan_;
    std::vector<placed_signal::state> states_;
    std::uintptr_t start_ = 0;
    std::uint64_t calls_ = 0;
    std::uintptr_t back_ = 0; ///< where the call under way returns to; 0: none is
    std::uintptr_t sp_ = 0;   ///< of its first instruction
    std::size_t next_ = 0;    ///< place
    bool armed_ = false;      ///< the one before it waits for its visit
    std::uint64_t visits_ = 0;
    pid_t passing_ = 0; ///< steps over an instruction whose breakpoint comes back
    std::uintptr_t passed_ = 0;
    std::uint64_t execution_ = 0;
    std::uint64_t kept_waiting_ns_ = 0;
    std::string why_not_;
};

} // namespace nmisim::exec
