// SPDX-License-Identifier: MIT
//
// What a stepped thread asks before an instruction whose memory accesses matter. In a run that steps, that is each
// instruction; in one that runs free, those with a watch breakpoint, and each system call.
//
// Context: the SIGTRAP handler of the watched thread. No call of libc: it may carry a breakpoint.
#pragma once

#include "explore/step/arch.hpp"

namespace nmisim::explore {

class instruction_watch {
public:
    enum class next : std::uint8_t {
        go_on, ///< the instruction runs
        pause, ///< hold the thread before it, and ask again
        wait,  ///< the same: the thread waits for the other one
        nmi,   ///< an NMI comes before it; then ask again
    };
    virtual next before(const ucontext_t& at) noexcept = 0;
    virtual next before_call(const ucontext_t& at, const arch::system_call& call) noexcept = 0;
    /// The window is over: true, an NMI comes now.
    virtual bool nmi_at_end() noexcept = 0;
    virtual void nmi_ended() noexcept = 0;

protected:
    ~instruction_watch() = default;
};

} // namespace nmisim::explore
