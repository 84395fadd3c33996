// SPDX-License-Identifier: MIT
#include "peers.hpp"

#include "nmi/percpu.hpp"
#include "peer_ck_epoch.hpp"

#include <array>
#include <atomic>
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

struct alignas(cacheline_size) spinlock_shape {
    std::atomic<bool> held{false};
} spin;

void spinlock(const pt_regs& regs) noexcept
{
    // (1) acquire: the previous holder's stores; pairs with (2)
    while (spin.held.exchange(true, std::memory_order_acquire)) {
    }
    call(*published.load(std::memory_order_relaxed), regs); // under the lock
    spin.held.store(false, std::memory_order_release); // (2) release: what was done under it; pairs with (1)
}

struct alignas(cacheline_size) half_lock_shape {
    std::atomic<std::uint64_t> generation{0};
    std::array<std::atomic<std::uint64_t>, 2> readers{};
} half;

void half_lock(const pt_regs& regs) noexcept
{
    // (3) seq_cst: signal-hook's reader, which a writer watches; pairs with outside: half_lock.rs
    auto& readers = half.readers[half.generation.load(std::memory_order_seq_cst) & 1];
    // (4) seq_cst: as above; pairs with outside: half_lock.rs
    readers.fetch_add(1, std::memory_order_seq_cst);
    // (5) seq_cst: as above; pairs with outside: half_lock.rs
    call(*published.load(std::memory_order_seq_cst), regs);
    // (6) seq_cst: as above; pairs with outside: half_lock.rs
    readers.fetch_sub(1, std::memory_order_seq_cst);
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
#ifdef NMISIM_WITH_CK
    peer{"ck_epoch", ck_epoch_dispatch, ck_epoch_join, ck_epoch_leave},
#endif
    peer{"spinlock", spinlock, nothing, nothing},
    peer{"half-lock", half_lock, nothing, nothing},
    peer{"atomic<shared_ptr>", shared_pointer, nothing, nothing},
};

} // namespace

std::span<const peer> all_peers() noexcept
{
    return table;
}

} // namespace nmisim::bench
