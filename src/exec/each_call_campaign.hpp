// SPDX-License-Identifier: MIT
//
// An NMI in each system call of a command, one a run. A run without NMIs lists the calls; a run with one in each of them at
// once shows soon whether there is anything to find, but proves nothing, because one fault can hide another; then each call
// has a run of its own. What differs is tried again: it counts if it repeats, and does not come without NMIs.
#pragma once

#include "exec/comparison.hpp"
#include "exec/each_call.hpp"

#include <optional>
#include <string_view>

namespace nmisim::exec {

class each_call_campaign {
public:
    explicit each_call_campaign(comparison& c) : c_(c) {}
    /// Errors: ended.
    void run();

private:
    void try_one(const each_call::call& one);
    void judge();

    comparison& c_;
    bool restart_ = true;
};

/// "0.1:121". Nothing where it is none.
std::optional<call_address> call_address_of(std::string_view text);

} // namespace nmisim::exec
