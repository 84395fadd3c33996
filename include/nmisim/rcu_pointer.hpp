// SPDX-License-Identifier: MIT
//
// rcu_assign_pointer() and rcu_dereference() under their kernel names, on std::atomic: liburcu's macros of
// the same names break in C++ on const, function and incomplete types, and ThreadSanitizer cannot see
// through them. These two are all that the patch of 2005 added: before it, both sides were plain accesses.
#pragma once

#include <atomic>

namespace nmisim {

/// Publishes `value`: whoever dereferences it also sees everything stored to it before.
///
/// Context: any. Progress: wait-free. Ordering: release. Kernel: include/linux/rcupdate.h.
template <class T>
inline void rcu_assign_pointer(std::atomic<T*>& slot, T* value) noexcept
{
    slot.store(value, std::memory_order_release); // (1) release: the object is complete; pairs with (2)
}

/// Reads a published pointer; what it points to may be used until the reader's section ends.
///
/// Context: a read-side section: between nmi_enter and nmi_exit, or between rcu read_lock and read_unlock.
/// Progress: wait-free. Ordering: consume in the kernel; compilers have none, so acquire, which is the same
/// plain load on x86 and one ldar on aarch64.
template <class T>
[[nodiscard]] inline T* rcu_dereference(const std::atomic<T*>& slot) noexcept
{
    // (2) acquire: sees the complete object; pairs with (1), machine/registries/nmi_chain_registry.cpp(2)
    return slot.load(std::memory_order_acquire);
}

} // namespace nmisim
