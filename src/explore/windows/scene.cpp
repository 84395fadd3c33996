// SPDX-License-Identifier: MIT
#include "explore/windows/scene.hpp"

#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "machine/own_program.hpp"
#include "machine/vcpu_thread.hpp"
#include "rcu/srcu.hpp"

#include <cerrno>
#include <cstdio>
#include <vector>

namespace nmisim::explore {

namespace {

// Never given back: a child process ends without taking its machine down.
machine* built = nullptr;
std::vector<vcpu_thread*> vcpus; // one for each reader, from vCPU 1 on
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
    for (const vcpu_thread* const v : vcpus) {
        const percpu& cpu = v->area();
        for (std::size_t c = 0; c < check_count; ++c)
            now.failures[c] += cpu.checks[static_cast<check>(c)].failures() +
                               cpu.task_checks[static_cast<check>(c)].failures();
        now.nmis += nmi_count_of(cpu);
        now.offline += cpu.offline_seen.read();
    }
    return now;
}

const violation& first_of(check c) noexcept
{
    for (const vcpu_thread* const v : vcpus)
        for (const check_block* const all : {&v->area().checks, &v->area().task_checks})
            if ((*all)[c].failures() != 0)
                return (*all)[c].first();
    return vcpus[0]->area().checks[c].first();
}

// The sleeping vCPU: RCU need not watch it, and nothing wakes it.
void sleep_for_ever(vcpu&)
{
    static std::atomic<int> never{0};
    rcu_ops_of(chosen.rcu).thread_offline(); // `built` is not set yet when this begins
    never.wait(0, std::memory_order_relaxed);
}

} // namespace

void build_machine()
{
    machine_config config;
    config.cpus = 1;
    config.rcu = chosen.rcu;
    config.nesting = chosen.how;
    config.irqs = chosen.irqs;
    config.measure_latency = false;
    make_own_programs(config);
    config.custom_workload = sleep_for_ever;
    built = new machine(make_machine(config, machine_faults_of(chosen.left_out, chosen.rcu)));
    machine_state& state = internals(*built);
    state.domain.observe = observe;
    state.domain.observe_task = observe_from_task;
    for (unsigned n = 0; n < chosen.readers; ++n)
        vcpus.push_back(new vcpu_thread(state, static_cast<int>(n) + 1));
    prepare();
}

void build_machine_and_come_online()
{
    build_machine();
    vcpus[0]->come_online();
}

void reader_comes_online()
{
    vcpus[0]->come_online();
    the_rcu().thread_offline(); // between runs of the window it idles
}

void second_reader_comes_online()
{
    vcpus[1]->come_online();
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
    return *vcpus[0];
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
    for (const vcpu_thread* const v : vcpus)
        v->area().count->set_preempt_count(0);         // as above
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
    return nmi_count_of(vcpus[0]->area()) - before.nmis;
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
    for (const vcpu_thread* const v : vcpus)
        if (v->area().count->preempt_count() != 0) // at rest
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
