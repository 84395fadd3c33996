// SPDX-License-Identifier: MIT
//
// The storm: NMIs at a rate, wherever they fall. The shooter sends them; what is left to do is to note what they met.
#pragma once

#include "exec/call_table.hpp"
#include "exec/trace/strategy.hpp"

namespace nmisim::exec {

class storm final : public strategy {
public:
    explicit storm(bool restart) noexcept : restart_(restart) {}

    void delivery(task& t, const interrupted& at) override { calls_.note(t, at, restart_); }
    const call_table& calls() const noexcept { return calls_; }

private:
    const bool restart_;
    call_table calls_;
};

} // namespace nmisim::exec
