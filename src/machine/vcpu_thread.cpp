// SPDX-License-Identifier: MIT
#include "machine/vcpu_thread.hpp"

#include "base/affinity.hpp"
#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "machine/backtrace/unwind.hpp"
#include "machine/limits.hpp"
#include "machine/machine_state.hpp"
#include "runtime/entry/held_line.hpp"
#include "runtime/origin.hpp"
#include "runtime/threads/pending.hpp"
#include "runtime/wait.hpp"

#include <algorithm>
#include <csignal>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace nmisim {
namespace {

/// If vCPUs share Linux CPUs with the threads that raise their NMIs, they yield: otherwise a raise waits for as long as
/// all of them spin through their time slices. Lowering one's own priority needs no privilege.
void give_way(int sharers) noexcept
{
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), sharers > 8 ? 19 : 10);
}

sigset_t own_signals(const machine_state& machine) noexcept
{
    sigset_t lines = machine.domain.irq_signals;
    sigaddset(&lines, machine.nmi_signal.number());
    sigaddset(&lines, machine.backtrace_signal.number());
    return lines;
}

void change_mask(int how, const machine_state& machine) noexcept
{
    const sigset_t lines = own_signals(machine);
    pthread_sigmask(how, &lines, nullptr);
}

/// Fault early-unregister: waits for an NMI where none may come any more. The injection point that makes the
/// fault's window as wide as it has to be. Context: vcpu.
void await_nmi(const percpu& area) noexcept
{
    const std::uint64_t before = nmi_count_of(area);
    const std::uint64_t deadline_ns = now_ns() + 5'000'000; // none need come
    while (nmi_count_of(area) == before && now_ns() < deadline_ns) {
    }
}

} // namespace

std::uintptr_t stack_end_of_this_thread() noexcept
{
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    void* lowest = nullptr;
    std::size_t size = 0;
    const bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
    pthread_attr_destroy(&attributes);
    return known ? reinterpret_cast<std::uintptr_t>(lowest) + size : 0;
}

/// Its vCPU goes offline with the thread, also where a workload ends it by pthread_exit(3) or pthread_cancel(3).
class vcpu_thread::leaves_at_end {
public:
    explicit leaves_at_end(vcpu_thread& cpu) noexcept : cpu_(cpu) {}
    ~leaves_at_end()
    {
        cpu_.leave();
        cpu_.ended_.store(true, std::memory_order_relaxed); // see has_ended()
    }
    leaves_at_end(const leaves_at_end&) = delete;
    leaves_at_end& operator=(const leaves_at_end&) = delete;

private:
    vcpu_thread& cpu_;
};

vcpu_thread::vcpu_thread(machine_state& machine, int number) : machine_(machine)
{
    area_.domain = &machine.domain;
    area_.cpunumber = number;
    if (machine.config.percpu == percpu_form::array)
        area_.irq_stat = &machine.irq_stat[static_cast<std::size_t>(number)].value;
    area_.line.cpu = number;
    area_.backtrace = &backtrace_;
    set_up(area_.line, machine.nmi_signal.number());
    area_.line.latching = machine.config.delivery == delivery::latch;
    area_.line.bound = machine.config.max_in_flight;
    if (machine.config.irqs != 0)
        set_up_irqs();
    if (machine.rcu.counts_vcpus() && machine.faults.entry != entry_kind::no_read_lock)
        area_.count =
            machine.rcu.take_count(); // last: if anything threw behind it, nobody would give it back
}

void vcpu_thread::set_up_irqs()
{
    irq_ = std::make_unique<irq_cpu>(static_cast<std::size_t>(machine_.config.irqs));
    area_.irq = irq_.get();
    int signo = machine_.domain.first_irq_signal;
    for (irq_line& irq : irq_->lines)
        set_up(irq.line, signo++);
}

void vcpu_thread::set_up(interrupt_line& line, int signo) const noexcept
{
    line.signo = signo;
    line.stamp = machine_.config.measure_latency;
}

template <class Function>
void vcpu_thread::for_each_line(Function f)
{
    f(area_.line, area_.offline_seen);
    if (irq_ != nullptr)
        for (irq_line& irq : irq_->lines)
            f(irq.line, irq.offline_seen);
}

bool vcpu_thread::drain(std::uint64_t deadline_ns)
{
    constexpr std::uint64_t longest_ns = INT64_MAX;
    bool all = true;
    for_each_line([&](interrupt_line& line, counter&) {
        const std::uint64_t at_ns = now_ns();
        const std::uint64_t left_ns = deadline_ns > at_ns ? deadline_ns - at_ns : 0;
        std::uint64_t sent_then = UINT64_MAX;
        all = all && runtime::wait_until(deadline(static_cast<std::int64_t>(std::min(left_ns, longest_ns))),
                                         [&] { return line.drained_to(sent_then); });
    });
    return all;
}

vcpu_thread::~vcpu_thread()
{
    ask_to_leave();
    join();
    if (reads_by_count())
        machine_.rcu.give_count_back(area_.count);
}

void vcpu_thread::start()
{
    stop_.store(false, std::memory_order_relaxed); // no thread is there to see it
    online_.store(0, std::memory_order_relaxed);
    ended_.store(false, std::memory_order_relaxed); // as above
    const signals_blocked block(machine_.config.block_signals ? asynchronous_signals()
                                                              : own_signals(machine_));
    thread_ = start_thread("the thread of vCPU " + std::to_string(area_.cpunumber), [this] { run(); });
}

void vcpu_thread::wait_online() noexcept
{
    online_.wait(0, std::memory_order_acquire); // (4) acquire: the thread's set-up; pairs with (3)
}

void vcpu_thread::ask_to_leave() noexcept
{
    stop_.store(true, std::memory_order_relaxed); // joined afterwards
    // A vCPU that gets NMIs faster than it can handle them never runs an instruction of its own, and would
    // never come to leave(). Relaxed: leave() does it again, and that is what raisers are ordered with.
    if (!machine_.faults.unregister_early)
        for_each_line([](interrupt_line& line, counter&) {
            line.tid.store(0, std::memory_order_relaxed); // as said
        });
}

void vcpu_thread::join() noexcept
{
    if (thread_.joinable())
        thread_.join();
}

void vcpu_thread::run()
{
    if (machine_.config.name_threads)
        pthread_setname_np(pthread_self(), ("vcpu" + std::to_string(area_.cpunumber)).c_str());
    if (machine_.config.pin)
        pinned_to_ = pin_self(area_.cpunumber + 1);
    if (machine_.config.give_way && machine_.config.cpus + 1 > allowed_cpus())
        give_way(machine_.config.cpus / allowed_cpus());
    area_.stack_end = stack_end_of_this_thread();
    come_online();
    const leaves_at_end leaving(*this);
    machine_.rcu.thread_offline();
    // (7) acquire: every vCPU is set up, or none more will come; pairs with machine.cpp(1)
    machine_.booted.wait(false, std::memory_order_acquire);
    machine_.rcu.thread_online();

    vcpu self(machine_, area_);
    while (!stopping()) {
        if (machine_.config.custom_workload)
            machine_.config.custom_workload(self);
        else
            workload_round(machine_, area_);
        machine_.rcu.quiescent_state();
        ++area_.work;
    }
}

template <class Function>
void vcpu_thread::for_each_source(Function f)
{
    const std::lock_guard guard(machine_.sources_lock);
    for (cpu_source* const source : machine_.sources)
        f(*source);
}

void vcpu_thread::come_online()
{
    if (machine_.faults.register_vcpus) {
        if (reads_by_count())
            machine_.rcu.register_vcpu(area_.count);
        else
            machine_.rcu.register_thread();
    }
    this_cpu = &area_;
    area_.tid = gettid();
    if (machine_.trace != nullptr)
        this_trace = &machine_.trace->vcpu(area_.cpunumber);
    online_since_ns_ = now_ns();
    for_each_line([](interrupt_line& line, counter&) { line.target = pthread_self(); });
    area_.count->set_offline(false);
    if (irq_ != nullptr)
        irq_->disabled = false;
    ++area_.times_onlined;
    change_mask(SIG_UNBLOCK, machine_);
    for_each_line([](interrupt_line& line, counter&) { line.open(gettid()); });
    for_each_source([this](cpu_source& source) { source.cpu_online(area_); });
    // (8) seq_cst: as the lines, for backtraces; pairs with (11)
    reachable_.store(true, std::memory_order_seq_cst);
    // (3) seq_cst: the thread is set up, and notify_all() of libstdc++ does not look before this whether anybody
    // waits; pairs with (4)
    online_.exchange(1, std::memory_order_seq_cst);
    online_.notify_all();
}

void vcpu_thread::leave()
{
    if (this_cpu != &area_) // it has left already: ~machine() on this very thread
        return;
    for_each_source([this](cpu_source& source) { source.cpu_leaving(area_); });
    if (machine_.faults.unregister_early) {
        machine_.rcu.unregister_thread();
        await_nmi(area_);
    }
    // (9) seq_cst: as the lines, for backtraces; pairs with (11), runtime/entry/held_line.hpp(1)
    reachable_.store(false, std::memory_order_seq_cst);
    for_each_line([](interrupt_line& line, counter&) {
        line.refuse_raises();
        while (line.is_held())
            sched_yield();
    });
    area_.count->set_offline(true);
    change_mask(SIG_BLOCK, machine_);
    for_each_line([&](interrupt_line& line, counter& offline_seen) {
        runtime::pending_signals pending(line.signo);
        siginfo_t info{};
        while (pending.next(info)) {
            if (runtime::is_stamped(info, machine_.domain.pid))
                line.begin();
            else if (!adopt_nmi(area_, info)) {
                pending.is_foreign(info);
                continue;
            }
            ++offline_seen;
            line.end();
        }
    });
    if (machine_.faults.register_vcpus && !machine_.faults.unregister_early)
        machine_.rcu.unregister_thread();
    this_cpu = nullptr;
    trace_slice(trace_kind::online, online_since_ns_, now_ns());
    this_trace = nullptr;
    // The thread ends with its NMI blocked.
}

std::vector<std::uintptr_t> vcpu_thread::backtrace()
{
    backtrace_.count.store(-1, std::memory_order_relaxed); // the signal orders it
    sigval value{};
    value.sival_ptr = &backtrace_;
    bool asked = false;
    {
        const runtime::held_line held(
            area_.line); // as a raise: a thread that leaves waits for those who send to it
        // (11) seq_cst: not before it is held; pairs with (8), (9)
        asked = reachable_.load(std::memory_order_seq_cst) &&
                pthread_sigqueue(area_.line.target, machine_.backtrace_signal.number(), value) == 0;
    }
    if (!asked)
        return {};
    const std::uint64_t deadline_ns = now_ns() + 200'000'000;
    int count = -1;
    // (6) acquire: the frames; pairs with nmi/record/backtrace.cpp(1)
    while ((count = backtrace_.count.load(std::memory_order_acquire)) < 0 && now_ns() < deadline_ns)
        sched_yield();
    const auto first = backtrace_.frames.begin();
    return count <= 0 ? std::vector<std::uintptr_t>() : std::vector<std::uintptr_t>(first, first + count);
}

} // namespace nmisim
