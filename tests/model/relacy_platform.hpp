// SPDX-License-Identifier: MIT
//
// The machine that flavor nmi runs on in the model: Relacy's atomics, which return to a load values that the C++ memory
// model lets it see: the newest or the one before in the bounded search, any in the random one. The code is the
// program's own (src/rcu/nmi_*.hpp, call_rcu.hpp, publish_lock.hpp), instantiated over this instead of nmi_platform and publish_platform.
//
// What it cannot show: a load never returns a store that comes later in the execution, and, as in C++11, a later
// relaxed store of the same thread continues a release.
//
// An NMI is a function that the model may call before any atomic operation of a thread that still has an NMI to take:
// at every boundary that matters to other threads, also between an addition and its fence.
//
// Relacy's header redefines `new`, `delete` and the memory orders, so it is included last, and they are undone after
// it.
#pragma once

#include "rcu/call_rcu.hpp"
#include "rcu/nmi_counter.hpp"
#include "rcu/nmi_grace_period.hpp"

#include <array>
#include <sstream>
#include <string>

#include <relacy/relacy.hpp>
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace nmisim::model {

constexpr unsigned most_threads = 4;

/// NMIs to come, per thread of the model.
struct nmi_source {
    void (*nmi)(void* suite) = nullptr;
    void* suite = nullptr;
    std::array<int, most_threads> left{};
    bool nest = false; ///< they interrupt each other; otherwise the signal is blocked in its handler
};
inline nmi_source source;

inline void maybe_nmi()
{
    int& left = source.left[rl::thread_index()];
    if (left == 0 || rl::rand(2) == 0)
        return;
    --left;
    const int later = left;
    if (!source.nest)
        left = 0;
    source.nmi(source.suite);
    if (!source.nest)
        left = later;
}

constexpr rl::memory_order order_of(std::memory_order order) noexcept
{
    switch (order) {
    case std::memory_order_relaxed: return rl::mo_relaxed;
    case std::memory_order_consume: return rl::mo_consume;
    case std::memory_order_acquire: return rl::mo_acquire;
    case std::memory_order_release: return rl::mo_release;
    case std::memory_order_acq_rel: return rl::mo_acq_rel;
    case std::memory_order_seq_cst: return rl::mo_seq_cst;
    }
    return rl::mo_seq_cst;
}

/// Where NMIs can come in an addition, with its fence or without.
enum class additions {
    fence_in_one, ///< x86-64: no NMI between the addition and its fence
    fence_apart,  ///< aarch64
    enter_apart,  ///< wrong: a load and a store in place of an enter's addition
    leave_apart,  ///< wrong: the same in place of a leave's
    nested_bare,  ///< wrong, with the fence apart: an enter that nests does not fence
};

template <additions How>
struct platform_with {
    // Relacy keeps its suite in malloc's memory
    static constexpr std::size_t line_size = alignof(std::max_align_t);
    static constexpr unsigned spins = 1;

    template <class T>
    class atomic {
    public:
        atomic() : value_(T{}) {}
        atomic(T value) : value_(value) {}
        T load(std::memory_order order) const
        {
            maybe_nmi();
            return value_.load(order_of(order), $);
        }
        void store(T value, std::memory_order order)
        {
            maybe_nmi();
            value_.store(value, order_of(order), $);
        }
        T exchange(T value, std::memory_order order)
        {
            maybe_nmi();
            return value_.exchange(value, order_of(order), $);
        }
        T fetch_add(T value, std::memory_order order)
        {
            maybe_nmi();
            return value_.fetch_add(value, order_of(order), $);
        }
        T fetch_sub(T value, std::memory_order order)
        {
            maybe_nmi();
            return value_.fetch_sub(value, order_of(order), $);
        }
        bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure)
        {
            maybe_nmi();
            return value_.compare_exchange(rl::bool_t<true>(), expected, value, order_of(success),
                                           order_of(failure), $);
        }

    private:
        rl::atomic<T> value_;
    };

    /// An access that races with another is found.
    template <class T>
    class plain {
    public:
        plain& operator=(T value)
        {
            value_($) = value;
            return *this;
        }
        operator T() const { return value_($); }

    private:
        rl::var<T> value_;
    };

    class mutex {
    public:
        void lock() { lock_.lock($); }
        void unlock() { lock_.unlock($); }

    private:
        rl::mutex lock_;
    };

    using reader = rcu::nmi_reader<platform_with>;
    using counting = platform_with;

    static void fence(std::memory_order order)
    {
        maybe_nmi();
        rl::atomic_thread_fence(order_of(order), $);
    }
    static void add_then_fence(atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order order)
    {
        const std::uint64_t before = added<How == additions::enter_apart>(word, n, std::memory_order_release);
        if (How == additions::nested_bare && (before & preempt_count_mask) != 0)
            return;
        if constexpr (How == additions::fence_apart || How == additions::nested_bare)
            fence(order);
        else
            rl::atomic_thread_fence(order_of(order), $);
    }
    static void add_in_order(atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order order)
    {
        added<How == additions::leave_apart>(word, n, order);
    }
    static void add(atomic<std::uint64_t>& word, std::uint64_t n)
    {
        word.fetch_add(n, std::memory_order_relaxed); // as its name says
    }
    template <bool Apart>
    static std::uint64_t added(atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order order)
    {
        if constexpr (!Apart)
            return word.fetch_add(n, order);
        const std::uint64_t before = word.load(std::memory_order_relaxed);
        word.store(before + n, order);
        return before;
    }
    static void relax() { rl::yield(1, $); }
    static void wait_for_turn() { rl::yield(1, $); }
    static void wake(reader&) {} // who sleeps looks again by itself
    static void sleep_until_ended(reader& r, std::uint64_t word, bool (*ended)(const reader&, std::uint64_t))
    {
        while (!ended(r, word))
            rl::yield(1, $);
    }
};

using platform = platform_with<additions::fence_apart>;

} // namespace nmisim::model
