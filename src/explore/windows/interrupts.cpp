// SPDX-License-Identifier: MIT
#include "explore/windows/interrupts.hpp"

#include "base/errno_guard.hpp"
#include "base/signal_mask.hpp"
#include "explore/windows/scene.hpp"
#include "machine/machine_state.hpp"
#include "machine/vcpu_thread.hpp"
#include "runtime/origin.hpp"

#include <csignal>

namespace nmisim::explore {

namespace {

ucontext_t interrupted; // the argument of signal entries called by hand; nothing else uses it

siginfo_t raised_by_us(int signo) noexcept
{
    siginfo_t info{};
    info.si_signo = signo;
    info.si_code = SI_QUEUE;
    info.si_value = runtime::stamped(0);
    info.si_pid = internals(the_machine()).domain.pid;
    return info;
}

int nmi_number() noexcept
{
    return internals(the_machine()).nmi_signal.number();
}

// The signal entry as the kernel calls it.
void enter()
{
    siginfo_t info = raised_by_us(nmi_number());
    the_entry().exc_nmi(info.si_signo, &info, &interrupted);
}

// One IRQ, played by hand: its line's signal is blocked, as it would be, and the NMI's is not.
checked_handler irq_handler;
std::uint64_t irqs_before = 0;
std::uint64_t irq_failures_before = 0;

void prepare_irq() noexcept
{
    prepare();
    build(irq_handler);
    irq_handler.function = checked_irq_call;
    nmi_domain& domain = internals(the_machine()).domain;
    domain.irqs[0].action.store(&irq_handler, std::memory_order_relaxed); // at rest
    irqs_before = explored_vcpu().area().irq->lines[0].count.read();
    irq_failures_before = explored_vcpu().area().irq->checks.failures();
}

void irq_by_hand()
{
    const int signo = internals(the_machine()).domain.first_irq_signal;
    siginfo_t info = raised_by_us(signo);
    the_entry().exc_irq(signo, &info, &interrupted);
}

const char* broken_after_irq_and_nmi() noexcept
{
    if (explored_vcpu().area().irq->checks.failures() != irq_failures_before)
        return "a check of the IRQ failed";
    if (explored_vcpu().area().irq->lines[0].count.read() != irqs_before + 1)
        return "the IRQ is not counted once";
    return broken_after_one_nmi();
}

// An NMI that unblocks its own signal, called by hand: blocked as on entry, unblocked again as after sigreturn.
void exc_nmi_by_hand()
{
    const errno_guard errno_kept;
    change_mask(SIG_BLOCK, nmi_number());
    enter();
    change_mask(SIG_UNBLOCK, nmi_number());
}

const char* broken_after_two_passes() noexcept
{
    if (const char* what = broken(); what != nullptr)
        return what;
    if (explored_vcpu().area().nesting.state.load(std::memory_order_relaxed) != nmi_not_running) // at rest
        return "the state machine is not at NOT_RUNNING afterwards";
    return nmis_since_prepare() == 2 ? nullptr : "check conservation: not both NMIs are counted";
}

// A handler that asks whether RCU watches.
nmi_callback watch_probe{[](nmi_callback&, const pt_regs&, int) noexcept {
    if (!the_rcu().is_watching())
        note_broken("RCU does not watch inside an NMI");
    return 1;
}};

void prepare_probe() noexcept
{
    prepare_dummy_allowed();
    internals(the_machine()).domain.nmis_nest = true; // the outer one is called by hand
    internals(the_machine()).domain.callback.store(&watch_probe, std::memory_order_relaxed); // at rest
}

void prepare_idle() noexcept
{
    prepare_probe();
    if (the_rcu().is_watching())
        the_rcu().thread_offline();
}

void prepare_not_idle() noexcept
{
    prepare_probe();
    if (!the_rcu().is_watching())
        the_rcu().thread_online();
}

void idle_and_back()
{
    the_rcu().thread_offline();
    the_rcu().thread_online();
}

const char* broken_tracking(bool watching, std::uint64_t nmis) noexcept
{
    if (const char* what = broken(); what != nullptr)
        return what;
    if (explored_vcpu().area().ct_nmi_nesting.load(std::memory_order_relaxed) != 0) // at rest
        return "ct_nmi_nesting is not 0 afterwards";
    if (the_rcu().is_watching() != watching)
        return watching ? "RCU does not watch the vCPU, which is not idle"
                        : "RCU still watches the idle vCPU";
    return nmis_since_prepare() == nmis ? nullptr : "check conservation: an NMI is not counted";
}

bad_deed the_deed = nullptr;
nmi_callback misbehaving{[](nmi_callback& self, const pt_regs& regs, int cpu) noexcept {
    the_deed(self, regs, cpu);
    return 1;
}};

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

bool interrupt_target(std::string_view window, target& t)
{
    if (window == "irq") {
        t.prepare = prepare_irq;
        t.window = irq_by_hand;
        t.broken = broken_after_irq_and_nmi;
    } else if (window == "exc_nmi") {
        t.window = exc_nmi_by_hand;
        t.broken = broken_after_two_passes;
    } else if (window == "ct_nmi") {
        t.prepare = prepare_idle;
        t.window = do_nmi_by_hand;
        t.broken = [] { return broken_tracking(false, 2); };
    } else if (window == "idle") {
        t.prepare = prepare_not_idle;
        t.window = idle_and_back;
        t.broken = [] { return broken_tracking(true, 1); };
    } else {
        return false;
    }
    return true;
}

} // namespace nmisim::explore
