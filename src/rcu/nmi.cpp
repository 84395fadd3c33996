// SPDX-License-Identifier: MIT
#include "rcu/nmi.hpp"

#include "base/clock.hpp"
#include "rcu/call_rcu.hpp"
#include "rcu/nmi_grace_period.hpp"

#include <algorithm>
#include <bit>
#include <linux/futex.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::rcu {
namespace {

/// More than the threads of a few of the largest machines. Lines that nobody took are never touched.
constexpr std::size_t max_readers = 16384;
constinit nmi_grace_period<nmi_platform, nmi_orders, max_readers> grace_periods;

static_assert(std::endian::native == std::endian::little, "the sequence is in the second half of the word");

void register_thread()
{
    if (this_reader != &unregistered_reader)
        return;
    hardware_reader* const line = grace_periods.take_reader();
    if (line == nullptr)
        throw std::length_error("flavor nmi knows at most 16384 threads at a time");
    this_reader = line;
}

vcpu_count* take_count()
{
    hardware_reader* const line = grace_periods.reserve();
    if (line == nullptr)
        throw std::length_error("flavor nmi knows at most 16384 threads at a time");
    line->start_again();
    return line;
}

void give_count_back(vcpu_count* count)
{
    grace_periods.end_reservation(static_cast<hardware_reader&>(*count));
}

void register_vcpu(vcpu_count* count)
{
    auto& line = static_cast<hardware_reader&>(*count);
    grace_periods.register_reserved(line);
    this_reader = &line;
}

void unregister_thread()
{
    if (this_reader == &unregistered_reader)
        return;
    hardware_reader& line = *this_reader;
    this_reader = &unregistered_reader;
    grace_periods.give_back(line);
}

void synchronize()
{
    grace_periods.synchronize();
    grace_period_ended();
}

void synchronize_alone()
{
    grace_periods.synchronize_alone();
    grace_period_ended();
}

/// Never destroyed: its thread may wait in it when the process ends.
auto& the_worker()
{
    static auto* const w = new call_rcu_worker<nmi_platform, nmi_orders>(synchronize);
    return *w;
}

struct no_updater_fence : nmi_orders {
    static constexpr bool updater_fence = false;
};

} // namespace

void nmi_platform::sleep_until_ended(reader& r, std::uint64_t word,
                                     bool (*ended)(const reader&, std::uint64_t))
{
    constexpr std::uint64_t longest_ns = 64'000'000;
    for (std::uint64_t ns = 1'000'000;; ns = std::min(ns * 2, longest_ns)) {
        // Before the look that finds it not ended: an exit behind that look wakes nobody, and changes this.
        const std::uint64_t upper = r.look() >> 32;
        if (ended(r, word))
            return;
        const timespec timeout = to_timespec(ns);
        syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&r.word) + 1, FUTEX_WAIT_PRIVATE,
                static_cast<std::uint32_t>(upper), &timeout);
    }
}

const rcu_ops nmi_ops{
    .id = flavor::nmi,
    .register_thread = register_thread,
    .unregister_thread = unregister_thread,
    .read_lock = [](rcu_domain*) { return nmi::read_lock(), rcu_mark{}; },
    .read_unlock = [](rcu_domain*, rcu_mark) { nmi::read_unlock(); },
    .synchronize = [](rcu_domain*) { synchronize(); },
    .synchronize_alone = [](rcu_domain*) { synchronize_alone(); },
    .synchronize_unfenced = [](rcu_domain*) { grace_periods.synchronize_alone<no_updater_fence>(); },
    .call = [](rcu_domain*, rcu_callback_head* head,
               void (*fn)(rcu_callback_head*)) { the_worker().call(head, fn); },
    .barrier = [](rcu_domain*) { the_worker().barrier(); },
    .start_worker = [](rcu_domain*) { the_worker().start(); },
    .take_count = take_count,
    .give_count_back = give_count_back,
    .register_vcpu = register_vcpu,
};

} // namespace nmisim::rcu
