// SPDX-License-Identifier: MIT
//
// Calls that allocate, or wait for a grace period or a vCPU, are refused in a handler: of an NMI, of an IRQ, and of an
// NMI that interrupts an IRQ. Each call alone, with what it must leave unchanged.
#include "nmisim/irq.hpp"
#include "nmisim/nmi_chain.hpp"

#include "base/message_line.hpp"
#include "machine/machine_state.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"
#include "support/text_matcher.hpp"

#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace nmisim;
using nmisim::test::Contains;
using nmisim::test::in_child;

namespace {

enum class context { nmi, irq, nmi_on_irq };

const char* name_of(context c)
{
    return c == context::nmi ? "NMI" : c == context::irq ? "IRQ" : "NMI on IRQ";
}

/// A machine of two vCPUs, of which the first runs what a test asks it to. On the LOCAL chain and on IRQ line 1 is a
/// handler that must stay, in front of it on the chain and on line 0 one that makes the attempt.
struct bench {
    test::on_vcpu cpu;
    machine m;
    std::function<bool(bench&)> attempt; ///< true: refused as it must be
    int attempts = 0;
    bool all_refused = true;
    int nmis = 0; ///< that the handler which must stay has run
    int irqs = 0;
    nmi_handler spare; ///< made in control context, offered in a handler
    nmi_callback plain{[](nmi_callback&, const pt_regs&, int) noexcept { return 0; }};
    nmi_registration attempts_nmi, stays_nmi;
    irq_registration attempts_irq, stays_irq;

    bench() : m(config(cpu))
    {
        spare = make_nmi_handler([](const pt_regs&, int) noexcept { return 0; });
        stays_nmi = register_nmi_handler(
            m, nmi_type::local, [this](const pt_regs&, int) noexcept { return ++nmis, nmi_handled; }, 0,
            "stays");
        stays_irq = request_irq(
            m, 1, make_nmi_handler([this](const pt_regs&, int) noexcept { return ++irqs, irq_handled; }),
            irqf_shared, "stays");
        attempts_nmi = register_nmi_handler(
            m, nmi_type::local, [this](const pt_regs&, int) noexcept { return try_it(), nmi_done; },
            nmi_flag_first, "attempts");
    }
    static machine_config config(test::on_vcpu& cpu)
    {
        machine_config c;
        c.cpus = 2;
        c.irqs = 2;
        c.message = write_to_standard_error;
        c.custom_workload = [first = cpu.workload()](vcpu& self) {
            if (self.number() == 0)
                first(self);
            else
                sched_yield();
        };
        return c;
    }
    void try_it()
    {
        if (!attempt)
            return;
        ++attempts;
        all_refused = attempt(*this) && all_refused;
    }
    void run_in(context c)
    {
        attempts_irq = request_irq(m, 0, make_nmi_handler([this, c](const pt_regs&, int) noexcept {
                                       if (c == context::irq)
                                           try_it();
                                       else
                                           m.raise_nmi(0);
                                       return irq_handled;
                                   }),
                                   0, "attempts");
        cpu.run([&] { c == context::nmi ? m.raise_nmi(0) : raise_irq(m, 0, 0); });
    }
    bool spare_comes_back(nmi_handler (*offer)(bench&, nmi_handler))
    {
        const nmi_callback* const offered = spare.get();
        spare = offer(*this, std::move(spare));
        return spare.get() == offered;
    }
};

struct refusal {
    const char* what;
    const char* says; ///< how its message calls it; null: its result says it, and there is none
    bool (*attempt)(bench&);
};
const refusal all_refusals[]{
    {"synchronize_rcu", nullptr,
     [](bench& b) { return b.m.synchronize_rcu() == sync_result::refused_in_interrupt; }},
    {"exchange", nullptr,
     [](bench& b) {
         return b.spare_comes_back(
             [](bench& own, nmi_handler next) { return own.m.exchange(std::move(next)).old; });
     }},
    {"register_nmi_handler", nullptr,
     [](bench& b) {
         const auto r = register_nmi_handler(b.m, nmi_type::local, b.plain, 0, "late");
         return !r && r.error() == EDEADLK;
     }},
    {"register_nmi_handler, owned", nullptr,
     [](bench& b) {
         const auto r = register_nmi_handler(b.m, nmi_type::local, std::move(b.spare), 0, "late");
         return !r && r.error() == EDEADLK;
     }},
    {"unregister", nullptr,
     [](bench& b) { return b.stays_nmi.unregister() == sync_result::refused_in_interrupt && b.stays_nmi; }},
    {"replace of a chained handler", nullptr,
     [](bench& b) {
         return b.spare_comes_back(
             [](bench& own, nmi_handler next) { return own.stays_nmi.replace(std::move(next)); });
     }},
    {"the end of a chained handler's registration", nullptr,
     [](bench& b) { return b.stays_nmi = nmi_registration(), !b.stays_nmi; }},
    {"request_irq", nullptr,
     [](bench& b) {
         const auto r = request_irq(b.m, 1, b.plain, irqf_shared, "late");
         return !r && r.error() == EDEADLK;
     }},
    {"request_irq, owned", nullptr,
     [](bench& b) {
         const auto r = request_irq(b.m, 1, std::move(b.spare), irqf_shared, "late");
         return !r && r.error() == EDEADLK;
     }},
    {"free", nullptr,
     [](bench& b) { return b.stays_irq.free() == sync_result::refused_in_interrupt && b.stays_irq; }},
    {"replace of an IRQ handler", nullptr,
     [](bench& b) {
         return b.spare_comes_back(
             [](bench& own, nmi_handler next) { return own.stays_irq.replace(std::move(next)); });
     }},
    {"the end of an IRQ handler's registration", nullptr,
     [](bench& b) { return b.stays_irq = irq_registration(), !b.stays_irq; }},
    {"cpu_down", "cpu_down", [](bench& b) { return b.m.cpu_down(1), b.m.cpu_online(1); }},
    {"cpu_down of its own", "cpu_down", [](bench& b) { return b.m.cpu_down(0), b.m.cpu_online(0); }},
    {"all_cpus_down", "all_cpus_down", [](bench& b) { return b.m.all_cpus_down(), b.m.cpu_online(1); }},
    {"cpu_up", "cpu_up", [](bench& b) { return b.m.cpu_up(1), true; }},
    {"drain", "drain", [](bench& b) { return !b.m.drain(0); }}};

/// What was said on standard error since `fds` took its place.
std::string said(int fd)
{
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(n));
    return text;
}

} // namespace

TEST_CASE("in a handler each call that allocates or waits is refused, says so where no result does, and "
          "changes nothing")
{
    const refusal& r = all_refusals[GENERATE(range(std::size_t{0}, std::size(all_refusals)))];
    const context in = GENERATE(context::nmi, context::irq, context::nmi_on_irq);
    CAPTURE(r.what, name_of(in));
    const auto child = in_child(30, [&] {
        int fds[2];
        if (pipe2(fds, O_NONBLOCK) != 0)
            throw std::runtime_error("pipe");
        bench b;
        const nmi_callback* const published = internals(b.m).domain.callback;
        const std::uint64_t waits = internals(b.m).all_waits_begun();
        b.attempt = r.attempt;
        dup2(fds[1], STDERR_FILENO);
        b.run_in(in);
        b.attempt = nullptr;
        std::string text = said(fds[0]);
        text += b.attempts == 1 ? "once, " : std::to_string(b.attempts) + " times, ";
        text += b.all_refused ? "refused, " : "done, ";
        // Its own request_irq() waits, for the line of the attempt.
        text += internals(b.m).all_waits_begun() == waits + 1 ? "nobody waited, " : "waited, ";
        text += internals(b.m).domain.callback == published ? "published as before, " : "published anew, ";
        b.nmis = b.irqs = 0;
        b.cpu.run([&] {
            b.m.raise_nmi(0);
            raise_irq(b.m, 0, 1);
        });
        text += b.nmis == 1 && b.irqs == 1 ? "handlers stay" : "handlers gone";
        return text;
    });
    CHECK(child.exited);
    const std::string where = in == context::irq ? "IRQ" : "NMI";
    if (r.says == nullptr)
        CHECK_THAT(child.text,
                   !Contains("called in")); // on a loaded machine it may say that a handler took long
    else if (r.what != std::string("cpu_down of its own"))
        CHECK_THAT(child.text,
                   Contains(std::string(r.says) + " called in " + where + " context on CPU 0: refused"));
    else
        CHECK_THAT(child.text, Contains("cpu_down called on CPU 0 for itself: refused"));
    CHECK_THAT(child.text, Contains("once, refused, nobody waited, published as before, handlers stay"));
}

TEST_CASE("outside of handlers none of that is refused")
{
    const auto child = in_child(30, [] {
        bench b;
        std::string text = b.m.synchronize_rcu() == sync_result::done ? "s" : "?";
        text += b.stays_irq.replace(std::exchange(b.spare, nullptr)) != nullptr ? "r" : "?";
        text += b.stays_irq.free() == sync_result::done ? "f" : "?";
        text += b.stays_nmi.unregister() == sync_result::done ? "u" : "?";
        b.m.cpu_down(1);
        text += b.m.cpu_online(1) ? "?" : "d";
        b.m.cpu_up(1);
        text += b.m.cpu_online(1) && b.m.drain(nsec_per_sec) ? "o" : "?";
        b.m.all_cpus_down();
        return text += b.m.cpu_online(0) || b.m.cpu_online(1) ? "?" : "a";
    });
    CHECK(child.text == "srfudoa");
}
