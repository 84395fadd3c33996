// SPDX-License-Identifier: MIT
//
// The runtime library's grace periods under the C++ memory model, in small programs; and what each finds when one order, fence
// or step is left out. A thread runs on a CPU of the model's choice at each section.
//
//   swap    an updater replaces an object and poisons the old one; a reader's sections, and signals', use it
//   twice   the updater does it again at once: a reader may still count in the phase of the first time
//   share   two readers
//   batch   two updaters, each with an object of its own: the steps of one serve the other
#include "support/catch2.hpp"

#include "runtime/domain.hpp"
#include "search.hpp"

#include "relacy_platform.hpp"

using namespace nmisim;
using model::is_found_wrong;
using model::is_right;
using runtime::domain_orders;

namespace {

/// Relacy orders seq_cst fences with each other, and no seq_cst operation with a fence. So the add that begins a section, before
/// loads that are seq_cst, is an add and a fence here.
template <class T>
struct fenced_atomic : model::platform::atomic<T> {
    using model::platform::atomic<T>::atomic;
    T fetch_add(T value, std::memory_order order)
    {
        const T before = model::platform::atomic<T>::fetch_add(value, order);
        if (order == std::memory_order_seq_cst)
            model::platform::fence(order);
        return before;
    }
};

/// Signals come before each atomic operation.
struct platform {
    template <class T>
    using atomic = fenced_atomic<T>;
    static constexpr std::size_t line_size = model::platform::line_size;

    static unsigned current_cpu() { return rl::rand(2); }
    static void fence(std::memory_order order)
    {
        if (order != std::memory_order_relaxed)
            model::platform::fence(order);
    }
};

// One wrong thing each.
struct relaxed_section_begin : domain_orders {
    static constexpr std::memory_order section_begin = std::memory_order_relaxed;
};
struct relaxed_section_end : domain_orders {
    static constexpr std::memory_order section_end = std::memory_order_relaxed;
};
struct no_caller_fence : domain_orders {
    static constexpr std::memory_order caller_fence = std::memory_order_relaxed;
};
struct no_look_fence : domain_orders {
    static constexpr std::memory_order look_fence = std::memory_order_relaxed;
};
struct relaxed_look : domain_orders {
    static constexpr std::memory_order look = std::memory_order_relaxed;
};
struct relaxed_step : domain_orders {
    static constexpr std::memory_order step = std::memory_order_relaxed;
};
struct relaxed_step_seen : domain_orders {
    static constexpr std::memory_order step_seen = std::memory_order_relaxed;
};
struct two_steps_ahead : domain_orders {
    static constexpr unsigned steps_ahead = 2;
};

/// What is published, and what a section does with it.
struct object {
    rl::var<int> alive;
    object() { alive($) = 1; }
    void use() { RL_ASSERT(static_cast<int>(alive($)) == 1); }
    void reclaim() { alive($) = 0; } // a section that still uses it races with this
};

constexpr std::size_t most_objects = 2;

template <class Orders>
struct scene {
    struct no_signal {
        no_signal() { model::source = {}; } // left over from the execution before
    } first;
    runtime::basic_domain<platform, Orders, 2> readers;
    std::array<object, most_objects> objects;
    /// Each one more than the index of an object, 0: none.
    std::array<platform::atomic<int>, most_objects> published{{{1}, {0}}};

    void section()
    {
        const auto here = readers.enter();
        for (auto& slot : published)
            if (const int at = slot.load(std::memory_order_seq_cst); at != 0)
                objects[static_cast<std::size_t>(at - 1)].use();
        readers.exit(here);
    }
    void replace(std::size_t slot, int next)
    {
        const int old = published[slot].exchange(next, std::memory_order_seq_cst);
        const auto cookie = readers.start_poll();
        while (!readers.ended(cookie))
            rl::yield(1, $);
        objects[static_cast<std::size_t>(old - 1)].reclaim();
    }
    void signals(unsigned thread, int count, bool nest)
    {
        model::source = {[](void* self) { static_cast<scene*>(self)->section(); }, this, {}, nest};
        model::source.left[thread] = count;
    }
};

template <class Orders, int Signals = 0, bool Nest = false>
struct swap : rl::test_suite<swap<Orders, Signals, Nest>, 2>, scene<Orders> {
    void before() { this->signals(0, Signals, Nest); }
    void thread(unsigned index)
    {
        if (index == 1)
            return this->replace(0, 0);
        this->section();
        if (Signals == 0)
            this->section();
    }
};

template <class Orders>
struct twice : rl::test_suite<twice<Orders>, 2>, scene<Orders> {
    void before() { this->signals(0, 1, false); }
    void thread(unsigned index)
    {
        if (index == 0)
            return this->section();
        this->replace(0, 2);
        this->replace(0, 0);
    }
};

template <class Orders>
struct share : rl::test_suite<share<Orders>, 3>, scene<Orders> {
    void before() { this->signals(0, 0, false); }
    void thread(unsigned index) { index == 2 ? this->replace(0, 0) : this->section(); }
};

template <class Orders>
struct batch : rl::test_suite<batch<Orders>, 3>, scene<Orders> {
    void before()
    {
        this->signals(0, 0, false);
        this->published[1].store(2, std::memory_order_relaxed);
    }
    void thread(unsigned index) { index == 0 ? this->section() : this->replace(index - 1, 0); }
};

} // namespace

TEST_CASE("an exchange waits for every section that could see the old object")
{
    is_right<swap<domain_orders>>(3);
}

TEST_CASE("... with a signal before every atomic operation of the reader")
{
    is_right<swap<domain_orders, 1>>(3);
}

TEST_CASE("... with signals that interrupt each other")
{
    is_right<swap<domain_orders, 2, true>>(1);
}

TEST_CASE("a reader that took its phase before a step is waited for by the next grace period")
{
    is_right<twice<domain_orders>>(2);
}

TEST_CASE("readers may share a counter")
{
    is_right<share<domain_orders>>(3);
}

TEST_CASE("a look that was under way when a caller came does not count for it")
{
    is_right<batch<domain_orders>>(2);
}

TEST_CASE("each order, fence and step of a polled grace period that is left out is found")
{
    SECTION("the order of a section's begin")
    {
        is_found_wrong<swap<relaxed_section_begin>>(3);
    }
    SECTION("the release of a section's end")
    {
        is_found_wrong<swap<relaxed_section_end>>(3);
    }
    SECTION("the acquire of the look")
    {
        is_found_wrong<batch<relaxed_look>>(3);
    }
    SECTION("the caller's fence")
    {
        is_found_wrong<batch<no_caller_fence>>(3);
    }
    SECTION("the fence of the look")
    {
        is_found_wrong<batch<no_look_fence>>(3);
    }
    SECTION("the release of a step")
    {
        is_found_wrong<batch<relaxed_step>>(3);
    }
    SECTION("the acquire of a step by another")
    {
        is_found_wrong<batch<relaxed_step_seen>>(3);
    }
    SECTION("the third step")
    {
        is_found_wrong<batch<two_steps_ahead>>(3);
    }
}
