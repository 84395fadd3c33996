// SPDX-License-Identifier: MIT
#include "verify/parts/chain_part.hpp"

#include "base/invariant.hpp"

namespace nmisim {

chain_part::chain_part(const run_config& config)
    : size_(config.chain), poison_early_(!info_of(config.fault).swap.waits)
{}

void chain_part::publish(machine& m)
{
    machine_ = &m;
    for (int i = 0; i < size_; ++i)
        add();
}

void chain_part::step()
{
    if (size_ == 0)
        return;
    remove_oldest();
    add();
    ++churned_;
}

void chain_part::last()
{
    while (!members_.empty())
        remove_oldest();
}

void chain_part::fill_report(machine&, run_report& report, bool)
{
    report.chain_swaps = churned_;
}

void chain_part::add()
{
    auto m = std::make_unique<member>();
    m->handler.function = churned_call;
    m->handler.number = ++number_;
    nmi_callback& callback = m->handler;
    m->registration = register_nmi_handler(*machine_, nmi_type::local, callback,
                                           number_ % 2 == 0 ? nmi_flag_first : 0, "churned");
    BUG_ON(!m->registration); // a handler of its own, from control context: nothing to refuse
    members_.push_back(std::move(m));
}

void chain_part::remove_oldest()
{
    member& oldest = *members_.front();
    const auto poison = [&oldest] {
        oldest.handler.canary.store(canary_poison, std::memory_order_relaxed); // seen by nobody, if RCU holds
    };
    if (poison_early_) {
        poison();
        for (int cpu = 0; cpu < machine_->cpus(); ++cpu)
            static_cast<void>(machine_->raise_nmi(cpu)); // one NMI at least while it is wrong
        static_cast<void>(machine_->drain(50'000'000));
    }
    static_cast<void>(oldest.registration.unregister());
    poison();
    members_.pop_front();
}

} // namespace nmisim
