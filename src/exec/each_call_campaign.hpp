// SPDX-License-Identifier: MIT
//
// An NMI in each system call of a command, one a run:
//
//   a run without NMIs       lists the calls
//   all of them at once      where that differs, halves of them: the first cause after a few runs, however many calls there
//                            are; then again without that cause
//   each call                in a run of its own, whatever came before: one fault can hide another, so that a run with all
//                            of them proves nothing
//
// What differs is tried again: it counts if it repeats, and does not come without NMIs.
#pragma once

#include "exec/comparison.hpp"
#include "exec/each_call.hpp"

#include <optional>
#include <set>
#include <string_view>

namespace nmisim::exec {

class each_call_campaign {
public:
    explicit each_call_campaign(comparison& c) : c_(c) {}
    /// Errors: ended.
    void run();

private:
    using calls = std::vector<each_call::call>;

    calls list();
    each_call::options how(bool sites) const;
    storm_run at_once(const calls& some);
    void halve(const calls& all);
    void each(const calls& all);
    placement try_one(const each_call::call& one);
    void finish(placement p);
    void judge();

    comparison& c_;
    bool restart_ = true;
    std::set<call_address> tried_; ///< with this SA_RESTART
};

/// "0.1:121". Nothing where it is none.
std::optional<call_address> call_address_of(std::string_view text);

} // namespace nmisim::exec
