// SPDX-License-Identifier: MIT
#include "explore/windows/scene.hpp"

#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "machine/own_program.hpp"
#include "machine/vcpu_thread.hpp"
#include "rcu/srcu.hpp"

#include <cerrno>
#include <cstdio>

namespace nmisim::explore {

namespace {

flavor the_flavor = flavor::memb;
fault the_fault = fault::none;
nesting the_nesting = nesting::blocked;
int the_irqs = 0;
unsigned the_readers = 1;

// Never given back: a child process ends without taking its machine down.
machine* built = nullptr;
vcpu_thread* vcpu_1 = nullptr;
vcpu_thread* vcpu_2 = nullptr; ///< of a second reader
checked_handler handlers[2];
std::uint64_t generation = 0;

struct books {
    std::array<std::uint64_t, check_count> failures;
    std::uint64_t nmis;
    std::uint64_t offline;
};
books before{};
const char* note = nullptr;

books read_books() noexcept
{
    books now{};
    for (const vcpu_thread* const v : {vcpu_1, vcpu_2}) {
        if (v == nullptr)
            continue;
        const percpu& cpu = v->area();
        for (std::size_t c = 0; c < check_count; ++c)
            now.failures[c] += cpu.checks[static_cast<check>(c)].failures() +
                               cpu.task_checks[static_cast<check>(c)].failures();
        now.nmis += nmi_count_of(cpu);
        now.offline += cpu.offline_seen.read();
    }
    return now;
}

bool failed(const percpu& cpu, check c) noexcept
{
    return cpu.checks[c].failures() + cpu.task_checks[c].failures() != 0;
}

const violation& first_of(check c) noexcept
{
    const percpu& cpu = vcpu_2 != nullptr && !failed(vcpu_1->area(), c) ? vcpu_2->area() : vcpu_1->area();
    return cpu.checks[c].failures() != 0 ? cpu.checks[c].first() : cpu.task_checks[c].first();
}

// The sleeping vCPU: RCU need not watch it, and nothing wakes it.
void sleep_for_ever(vcpu&)
{
    static std::atomic<int> never{0};
    rcu_ops_of(the_flavor).thread_offline(); // `built` is not set yet when this begins
    never.wait(0, std::memory_order_relaxed);
}

} // namespace

void choose(flavor f, fault left_out, nesting how, int irqs, unsigned readers) noexcept
{
    the_readers = readers;
    the_nesting = how;
    the_irqs = irqs;
    the_flavor = f;
    the_fault = left_out;
}

flavor chosen_flavor() noexcept
{
    return the_flavor;
}

const fault_info& chosen_fault() noexcept
{
    return info_of(the_fault);
}

void build_machine()
{
    machine_config config;
    config.cpus = 1;
    config.rcu = the_flavor;
    config.nesting = the_nesting;
    config.irqs = the_irqs;
    config.measure_latency = false;
    make_own_programs(config);
    config.custom_workload = sleep_for_ever;
    built = new machine(make_machine(config, machine_faults_of(the_fault, the_flavor)));
    machine_state& state = internals(*built);
    state.domain.observe = observe;
    state.domain.observe_task = observe_from_task;
    vcpu_1 = new vcpu_thread(state, 1);
    vcpu_2 = the_readers > 1 ? new vcpu_thread(state, 2) : nullptr;
    prepare();
}

void build_machine_and_come_online()
{
    build_machine();
    vcpu_1->come_online();
}

void reader_comes_online()
{
    vcpu_1->come_online();
    the_rcu().thread_offline(); // between runs of the window it idles
}

void second_reader_comes_online()
{
    vcpu_2->come_online();
    the_rcu().thread_offline(); // as the first one
}

void updater_is_known()
{
    the_rcu().register_thread();
    the_rcu().thread_offline();
}

machine& the_machine() noexcept
{
    return *built;
}

vcpu_thread& explored_vcpu() noexcept
{
    return *vcpu_1;
}

const domain_rcu& the_rcu() noexcept
{
    return internals(*built).rcu;
}

const nmi_entry& the_entry() noexcept
{
    return internals(*built).entry;
}

void do_nmi_by_hand()
{
    (void)the_entry().do_nmi(pt_regs{});
}

checked_handler& handler(int which) noexcept
{
    return handlers[which];
}

void build(checked_handler& h) noexcept
{
    h.generation.store(++generation, std::memory_order_relaxed); // published by the pointer
    h.canary.store(canary_alive, std::memory_order_relaxed);     // as above
    h.age.store(0, std::memory_order_relaxed);                   // as above
    h.data = make_handler_data(generation);
}

void reclaim(checked_handler& h) noexcept
{
    // explored one thread at a time: no order is lost
    h.canary.store(canary_poison, std::memory_order_relaxed);
    h.data.words.fill(canary_poison);
    h.age.store(2, std::memory_order_relaxed); // as above
}

void prepare() noexcept
{
    build(handlers[0]);
    reclaim(handlers[1]);
    machine_state& state = internals(*built);
    (void)state.owned.release();
    state.owned.reset(&handlers[0]);
    state.domain.callback.store(&handlers[0], std::memory_order_relaxed);      // both threads are at rest
    state.domain.expect_one_generation.store(true, std::memory_order_relaxed); // as above
    state.domain.last_report_ns.store(now_ns(),
                                      std::memory_order_relaxed); // as above; no "Uhhuh" for the dummy
    vcpu_1->area().count->set_preempt_count(0);                   // as above
    if (vcpu_2 != nullptr)
        vcpu_2->area().count->set_preempt_count(0);    // as above
    if (rcu_domain* const domain = the_rcu().domain()) // where readers count is part of the state
        domain->grace_periods.readers().sequence.store(0, std::memory_order_relaxed); // as above
    note = nullptr;
    errno = 0; // a handler that changes it must change something
    before = read_books();
}

void prepare_dummy_allowed() noexcept
{
    prepare();
    internals(*built).domain.expect_one_generation.store(false, std::memory_order_relaxed); // at rest
}

std::uint64_t nmis_since_prepare() noexcept
{
    return nmi_count_of(vcpu_1->area()) - before.nmis;
}

void note_broken(const char* what) noexcept
{
    note = what;
}

const char* broken() noexcept
{
    if (note != nullptr)
        return note;
    const books now = read_books();
    for (std::size_t i = 0; i < check_count; ++i) {
        if (now.failures[i] == before.failures[i])
            continue;
        const auto c = static_cast<check>(i);
        static char text[160];
        std::snprintf(text, sizeof text, "check %s: %s", name_of(c).data(), first_of(c).what);
        return text;
    }
    if (vcpu_1->area().count->preempt_count() != 0 ||
        (vcpu_2 != nullptr && vcpu_2->area().count->preempt_count() != 0)) // at rest
        return "check nesting: preempt_count is not 0 afterwards";
    return nullptr;
}

const char* broken_after_one_nmi() noexcept
{
    if (const char* what = broken(); what != nullptr)
        return what;
    const books now = read_books();
    if (now.nmis - before.nmis + now.offline - before.offline != 1)
        return "check conservation: the NMI is neither counted nor booked as offline";
    return nullptr;
}

} // namespace nmisim::explore
