// SPDX-License-Identifier: MIT
#include "rcu/nmi.hpp"

#include "base/clock.hpp"
#include "base/signal_mask.hpp"
#include "base/start_thread.hpp"
#include "rcu/nmi_deferred.hpp"
#include "rcu/nmi_grace_period.hpp"
#include "rcu/rcu.hpp"
#include "rcu/tables.hpp"

#include "annotations.hpp" // rcu/annotations_*

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <linux/futex.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace nmisim::rcu {
namespace {

/// More than the threads of a few of the largest machines. Lines that nobody took are never touched.
constexpr std::size_t max_readers = 16384;
constinit nmi_grace_period<nmi_platform, nmi_orders, max_readers> grace_periods;

using callback = deferred_callback<nmi_platform>;
static_assert(sizeof(callback) <= sizeof(rcu_callback_head::storage));
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

class worker {
public:
    void start()
    {
        const std::lock_guard lock(lock_);
        if (started_)
            return;
        const signals_blocked block; // no NMI and no Ctrl-C is for this thread
        start_thread("the thread of call_rcu", [this] { work(); }).detach();
        started_ = true;
    }

    void call(callback& c) noexcept
    {
        if (!stack_.push(c))
            return;
        // (1) seq_cst: notify_one() of libstdc++ looks whether anybody waits, and not before this; pairs with (2), (3)
        called_.fetch_add(1, std::memory_order_seq_cst);
        called_.notify_one();
    }

private:
    [[noreturn]] void work()
    {
        pthread_setname_np(pthread_self(), "call_rcu");
        for (;;) {
            // (3) acquire: not after the look at the stack; pairs with (1)
            const std::uint32_t called = called_.load(std::memory_order_acquire);
            callback* c = stack_.take();
            if (c == nullptr) {
                // (2) seq_cst: not before this thread is booked as waiting; pairs with (1)
                called_.wait(called, std::memory_order_seq_cst);
                continue;
            }
            synchronize();
            while (c != nullptr) {
                callback* const next = c->next; // the function may free c
                c->function(c);
                c = next;
            }
        }
    }

    deferred_stack<nmi_platform, nmi_orders> stack_;
    std::atomic<std::uint32_t> called_{0};
    std::mutex lock_; ///< protects started_
    bool started_ = false;
};

/// Never destroyed: its thread may wait in it when the process ends.
worker& the_worker()
{
    static auto* const w = new worker;
    return *w;
}

void call(rcu_callback_head* head, void (*fn)(rcu_callback_head*))
{
    the_worker().start();
    auto* c = reinterpret_cast<callback*>(head);
    c->function = reinterpret_cast<void (*)(callback*)>(fn);
    the_worker().call(*c);
}

/// One worker runs callbacks in the order of their calls, so one's own comes after all earlier ones.
void barrier()
{
    struct marker {
        rcu_callback_head head; // first
        std::mutex lock;
        std::condition_variable reached;
        bool done = false;
    } m;
    call(&m.head, [](rcu_callback_head* head) {
        auto& self = *reinterpret_cast<marker*>(head);
        const std::lock_guard lock(self.lock);
        self.done = true;
        self.reached.notify_one(); // under the lock: afterwards m may be gone
    });
    std::unique_lock lock(m.lock);
    m.reached.wait(lock, [&] { return m.done; });
}

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
    flavor::nmi,
    register_thread,
    unregister_thread,
    [](rcu_domain*) { return nmi::read_lock(), rcu_mark{}; },
    [](rcu_domain*, rcu_mark) { nmi::read_unlock(); },
    []() {},
    []() {},
    []() {},
    [](rcu_domain*) { synchronize(); },
    [](rcu_domain*) { synchronize_alone(); },
    [](rcu_domain*, rcu_callback_head* head, void (*fn)(rcu_callback_head*)) { call(head, fn); },
    [](rcu_domain*) { barrier(); },
    [](rcu_domain*) { the_worker().start(); },
    nullptr,
    nullptr,
    nullptr,
    take_count,
    give_count_back,
    register_vcpu,
};

} // namespace nmisim::rcu
