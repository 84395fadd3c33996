// SPDX-License-Identifier: MIT
#include "explore/windows/bad_handlers.hpp"

#include "explore/windows/scene.hpp"
#include "machine/machine_state.hpp"
#include "runtime/origin.hpp"

#include <csignal>

#include <ucontext.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

const int nmi_number = SIGRTMIN + 1; // here, because SIGRTMIN is a call of libc

bad_deed the_deed = nullptr;
nmi_callback misbehaving{[](nmi_callback& self, const pt_regs& regs, int cpu) noexcept {
    the_deed(self, regs, cpu);
    return 1;
}};

// The signal entry as the kernel calls it.
void enter()
{
    siginfo_t info{};
    info.si_signo = nmi_number;
    info.si_code = SI_QUEUE;
    info.si_value = runtime::stamped(0);
    info.si_pid = internals(the_machine()).domain.pid;
    static ucontext_t context;
    the_entry().exc_nmi(nmi_number, &info, &context);
}

void enter_misbehaving()
{
    // nobody else runs
    internals(the_machine()).domain.callback.store(&misbehaving, std::memory_order_relaxed);
    enter();
}

} // namespace

function audited_handler(bad_deed deed) noexcept
{
    the_deed = deed;
    return deed == nullptr ? enter : enter_misbehaving;
}

} // namespace nmisim::explore
