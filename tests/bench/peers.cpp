// SPDX-License-Identifier: MIT
#include "peers.hpp"

#include "nmi/percpu.hpp"
#include "peer_ck_epoch.hpp"
#include "peer_liburcu.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace nmisim::bench {

nmi_callback claims_it{[](nmi_callback&, const pt_regs&, int) noexcept { return 1; }};

namespace {

std::atomic<nmi_callback*> published{&claims_it};

void call(nmi_callback& callback, const pt_regs& regs) noexcept
{
    percpu& self = *this_cpu;
    self.count->add(one_nmi);
    callback(regs, self.cpunumber);
}

void bare(const pt_regs&) noexcept
{
    this_cpu->count->add(one_nmi);
}

void unprotected(const pt_regs& regs) noexcept
{
    call(*published.load(std::memory_order_relaxed), regs); // the same by every thread
}

struct registered {
    nmi_callback* callback;
    registered* next;
};
registered only{&claims_it, nullptr};

struct alignas(cacheline_size) spinlock_shape {
    std::atomic<std::uint32_t> word{0};
    registered* first = &only;    ///< under the lock
    std::uint64_t interrupts = 0; ///< under the lock
} spin;

void gperftools(const pt_regs& regs) noexcept
{
    std::uint32_t unheld = 0;
    // (1) acquire: the previous holder's stores; pairs with (2)
    while (!spin.word.compare_exchange_weak(unheld, 1, std::memory_order_acquire))
        unheld = 0;
    ++spin.interrupts;
    for (const registered* r = spin.first; r != nullptr; r = r->next)
        call(*r->callback, regs);
    // (2) release: what was done under it; pairs with (1)
    spin.word.exchange(0, std::memory_order_release); // an exchange: it looks whether somebody sleeps
}

struct alignas(cacheline_size) half_lock_shape {
    std::atomic<std::uint64_t> generation{0};
    std::array<std::atomic<std::uint64_t>, 2> readers{};
} half;

void signal_hook(const pt_regs& regs) noexcept
{
    // (3) seq_cst: signal-hook's reader, which a writer watches; pairs with outside: half_lock.rs
    auto& readers = half.readers[half.generation.load(std::memory_order_seq_cst) % 2];
    // (4) seq_cst: as above; pairs with outside: half_lock.rs
    if (readers.fetch_add(1, std::memory_order_seq_cst) > std::uint64_t{INT64_MAX})
        std::abort(); // as it does
    // (5) seq_cst: as above; pairs with outside: half_lock.rs
    call(*published.load(std::memory_order_seq_cst), regs);
    // (6) seq_cst: as above; pairs with outside: half_lock.rs
    readers.fetch_sub(1, std::memory_order_seq_cst);
}

/// A line each, which flatters it: its locks are neighbours.
struct alignas(cacheline_size) try_lock {
    std::atomic<std::uint32_t> taken{0};
    bool take() noexcept
    {
        std::uint32_t unheld = 0;
        // (8) acquire: the previous holder's stores; pairs with (9)
        return taken.compare_exchange_strong(unheld, 1, std::memory_order_acquire);
    }
    // (9) release: what was done under it; pairs with (8)
    void give() noexcept { taken.exchange(0, std::memory_order_release); }
};
std::array<try_lock, 16> try_locks;
std::atomic<std::uint64_t> dropped{0};

void async_profiler(const pt_regs& regs) noexcept
{
    const auto first = static_cast<std::size_t>(this_cpu->cpunumber);
    for (const std::size_t step : {0, 1, 3}) {
        try_lock& lock = try_locks[(first + step) % try_locks.size()];
        if (!lock.take())
            continue;
        call(*published.load(std::memory_order_relaxed), regs); // under the lock
        return lock.give();
    }
    dropped.fetch_add(1, std::memory_order_relaxed); // a count
}

struct alignas(cacheline_size) hazard_slot {
    std::atomic<nmi_callback*> in_use{nullptr};
};
std::array<hazard_slot, 64> hazards;

void hazard_pointer(const pt_regs& regs) noexcept
{
    std::atomic<nmi_callback*>& mine =
        hazards[static_cast<std::size_t>(this_cpu->cpunumber) % hazards.size()].in_use;
    nmi_callback* seen = published.load(std::memory_order_relaxed); // looked at again below
    for (;;) {
        mine.store(seen, std::memory_order_relaxed);         // the updater's membarrier(2) orders it
        std::atomic_signal_fence(std::memory_order_seq_cst); // the compiler only
        // (10) acquire: the callback's contents; pairs with outside: nobody stores here
        nmi_callback* const now = published.load(std::memory_order_acquire);
        if (now == seen)
            break;
        seen = now;
    }
    call(*seen, regs);
    // (11) release: the use has ended; pairs with outside: an updater's look
    mine.store(nullptr, std::memory_order_release);
}

std::atomic<std::shared_ptr<nmi_callback>> shared{std::make_shared<nmi_callback>(claims_it)};

void shared_pointer(const pt_regs& regs) noexcept
{
    // (7) acquire: the callback; pairs with outside: nobody stores here, its constructor did
    const std::shared_ptr<nmi_callback> callback = shared.load(std::memory_order_acquire);
    call(*callback, regs);
}

void nothing() {}

constexpr std::array table{
    peer{"bare", bare, nothing, nothing},
    peer{"unprotected", unprotected, nothing, nothing},
    peer{"liburcu memb", liburcu_memb_dispatch, nothing, nothing},
    peer{"liburcu bp", liburcu_bp_dispatch, nothing, nothing},
#ifdef NMISIM_WITH_CK
    peer{"ck_epoch", ck_epoch_dispatch, ck_epoch_join, ck_epoch_leave},
#endif
    peer{"hazard pointer", hazard_pointer, nothing, nothing},
    peer{"gperftools", gperftools, nothing, nothing},
    peer{"signal-hook", signal_hook, nothing, nothing},
    peer{"async-profiler", async_profiler, nothing, nothing},
    peer{"atomic<shared_ptr>", shared_pointer, nothing, nothing},
};

} // namespace

std::span<const peer> all_peers() noexcept
{
    return table;
}

} // namespace nmisim::bench
