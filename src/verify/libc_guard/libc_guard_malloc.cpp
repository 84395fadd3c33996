// SPDX-License-Identifier: MIT
//
// Interposed in the executable: the allocator. A call in NMI context is reported and served from a small
// arena of its own: it may have interrupted malloc, whose lock would then never be released, and the run must go on to
// report it.
#include "verify/libc_guard/libc_guard.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

// glibc's own names for its allocator (exported since 2.0).
extern "C" {
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

alignas(std::max_align_t) unsigned char arena[1 << 20];
std::atomic<std::size_t> arena_used{0};

/// Null if there is no room for `size`; smaller sizes that fit are still served afterwards.
void* from_arena(std::size_t size) noexcept
{
    constexpr std::size_t unit = sizeof(std::max_align_t);
    if (size > sizeof arena)
        return nullptr;
    const std::size_t rounded = (std::max<std::size_t>(size, 1) + unit - 1) / unit * unit;
    std::size_t at = arena_used.load(std::memory_order_relaxed); // only the number counts
    do
        if (rounded > sizeof arena - at)
            return nullptr;
    while (!arena_used.compare_exchange_weak(at, at + rounded, std::memory_order_relaxed));
    return arena + at;
}

bool in_arena(const void* p) noexcept
{
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    const auto first = reinterpret_cast<std::uintptr_t>(arena);
    return address >= first && address < first + sizeof arena;
}

} // namespace

#define GUARD(name) nmisim::libc_guard_report(name " calls in NMI context", __builtin_return_address(0))

extern "C" {

void* malloc(std::size_t size) noexcept
{
    return GUARD("malloc") ? from_arena(size) : __libc_malloc(size);
}

void free(void* p) noexcept
{
    if (!GUARD("free") && !in_arena(p))
        __libc_free(p);
}

void* calloc(std::size_t n, std::size_t size) noexcept
{
    if (!GUARD("calloc"))
        return __libc_calloc(n, size);
    std::size_t bytes = 0;
    return __builtin_mul_overflow(n, size, &bytes) ? nullptr : from_arena(bytes); // given out once, so zero
}

void* realloc(void* p, std::size_t size) noexcept
{
    if (GUARD("realloc") || in_arena(p)) {
        void* fresh = from_arena(size);
        if (fresh != nullptr && p != nullptr && in_arena(p))
            std::memmove(fresh, p, size); // may copy too much, never beyond the arena
        return fresh;
    }
    return __libc_realloc(p, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    return GUARD("aligned_alloc") ? nullptr : __libc_memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) noexcept
{
    *result = GUARD("posix_memalign") ? nullptr : __libc_memalign(alignment, size);
    return *result == nullptr ? ENOMEM : 0;
}

} // extern "C"
