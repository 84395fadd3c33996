// SPDX-License-Identifier: MIT
//
// A machine whose vCPUs have ended and whose books a test writes by hand. To judge them is then a sequential program,
// and a test can make exactly one thing wrong, without a fault.
#pragma once

#include "machine/machine_state.hpp"
#include "nmi/irq/irq.hpp"
#include "verify/judge.hpp"
#include "verify/parts/irq_part.hpp"

#include <sched.h>
#include <string>

namespace nmisim::test {

/// Two vCPUs with two IRQ lines, or none. No NMI was raised, and no check has looked at anything.
class judged_machine {
public:
    explicit judged_machine(int irqs = 2)
        : nmi_pool(4, checked_call, job_, 0), irq_pool(4, checked_irq_call, job_, 0), m(config(irqs))
    {
        m.all_cpus_down();
    }

    percpu& cpu(int n) { return internals(m).area(n); }

    /// The report of a run that ends now. `prepare(report)` says what is not in the machine.
    template <class Prepare>
    run_report judged(Prepare prepare)
    {
        run_report r;
        gather_books(m, r);
        prepare(r);
        judge(m, {&nmi_pool, &irq_pool}, control, start_ns, r);
        return r;
    }
    run_report judged()
    {
        return judged([](run_report&) {});
    }
    /// Failures of a run that goes on.
    std::uint64_t failures() { return failures_so_far(m, {&nmi_pool, &irq_pool}); }

    static constexpr std::uint64_t start_ns = 5'000'000'000;

private:
    static machine_config config(int irqs)
    {
        machine_config c;
        c.cpus = 2;
        c.irqs = irqs;
        c.custom_workload = [](vcpu&) { sched_yield(); };
        return c;
    }
    handler_job job_{checked_irq_call};

public:
    element_pool nmi_pool;
    element_pool irq_pool;
    check_block control;
    machine m;
};

inline const check_report& of(const run_report& r, check which)
{
    return r.checks.at(static_cast<std::size_t>(which));
}

inline std::string status_of(const check_report& c)
{
    return std::string(name_of(c.status));
}

} // namespace nmisim::test
