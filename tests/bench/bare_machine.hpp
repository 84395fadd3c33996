// SPDX-License-Identifier: MIT
//
// The floor end to end: a machine whose signal handler only counts, opens the latch again for the same injector, and
// notes how long the delivery took if the raise carries its time.
#pragma once

#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "nmi/entry/exc_nmi.hpp"

#include <csignal>

namespace nmisim::bench {

inline void bare_handler(int, siginfo_t* info, void*)
{
    percpu* const cpu = this_cpu;
    if (cpu == nullptr)
        return;
    const std::uint64_t at_ns = now_ns();
    if (const std::uint64_t raised_ns = runtime::raised_at_ns(*info, at_ns); raised_ns != 0)
        cpu->delivery.record(at_ns - raised_ns);
    cpu->line.begin(); // before it counts: whoever waits for the count may raise at once, and be taken
    cpu->count->add(one_nmi);
    cpu->line.end();
}

/// In the place of the machine's handler while this lives: a later machine is refused a signal where somebody's handler stands
/// over ours. Context: control, before the first raise.
class bare_handler_installed {
public:
    explicit bare_handler_installed(machine& m) : signo_(internals(m).nmi_signal.number())
    {
        struct sigaction action {};
        action.sa_sigaction = bare_handler;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        sigemptyset(&action.sa_mask);
        sigaction(signo_, &action, &before_);
    }
    ~bare_handler_installed() { sigaction(signo_, &before_, nullptr); }
    bare_handler_installed(const bare_handler_installed&) = delete;
    bare_handler_installed& operator=(const bare_handler_installed&) = delete;

private:
    int signo_;
    struct sigaction before_ {};
};

} // namespace nmisim::bench
