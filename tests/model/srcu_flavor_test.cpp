// SPDX-License-Identifier: MIT
//
// SRCU under the C++ memory model, for flavor srcu and for the runtime, in small programs; and what each finds when one fence,
// order or look is left out. Some updaters wait, and some poll, as those with a deadline do.
// A thread runs on a CPU of the model's choice at each section, so threads share lines and meet on them.
//
//   swap      an updater replaces an object and poisons the old one; a reader's sections, and NMIs', use it
//   twice     the updater does it again at once: a reader may still count in the phase of the first time
//   share     two readers
//   batch     two updaters, each with an object of its own: one may be served by the other's grace period
//   deferred  the old object is passed to the worker of call(); how the worker sleeps is not in the model
#include "support/catch2.hpp"

#include "rcu/srcu/grace_period.hpp"
#include "search.hpp"

#include "relacy_platform.hpp"

using namespace nmisim;
using model::is_found_wrong;
using model::is_right;

namespace {

/// The machine of flavor srcu. NMIs come before each atomic operation, also between an add and its fence.
struct platform {
    template <class T>
    using atomic = model::platform::atomic<T>;
    template <class T>
    using plain = model::platform::plain<T>;
    using mutex = model::platform::mutex;
    static constexpr std::size_t line_size = model::platform::line_size;

    static unsigned current_cpu() { return rl::rand(2); }
    static void add_then_fence(atomic<std::uint64_t>& number, std::memory_order order)
    {
        number.fetch_add(1, std::memory_order_relaxed);
        fence(order);
    }
    static void add_unfenced(atomic<std::uint64_t>& number)
    {
        number.fetch_add(1, std::memory_order_relaxed);
    }
    static void fence(std::memory_order order)
    {
        if (order != std::memory_order_relaxed)
            model::platform::fence(order);
    }
    static void pause(unsigned) { rl::yield(1, $); }
};

// One wrong thing each.
struct no_reader_fence : rcu::srcu_orders {
    static constexpr bool reader_fence = false;
};
struct relaxed_section_end : rcu::srcu_orders {
    static constexpr std::memory_order section_end = std::memory_order_relaxed;
};
struct no_caller_fence : rcu::srcu_orders {
    static constexpr std::memory_order caller_fence = std::memory_order_relaxed;
};
struct no_look_fence : rcu::srcu_orders {
    static constexpr std::memory_order look_fence = std::memory_order_relaxed;
};
struct look_fence_of_loads_only : rcu::srcu_orders {
    static constexpr std::memory_order look_fence = std::memory_order_acquire;
};
struct relaxed_look : rcu::srcu_orders {
    static constexpr std::memory_order look = std::memory_order_relaxed;
};
struct relaxed_step : rcu::srcu_orders {
    static constexpr std::memory_order step = std::memory_order_relaxed;
};
struct relaxed_step_seen : rcu::srcu_orders {
    static constexpr std::memory_order step_seen = std::memory_order_relaxed;
};
struct two_steps_ahead : rcu::srcu_orders {
    static constexpr unsigned steps_ahead = 2;
};
struct one_phase : rcu::srcu_orders {
    static constexpr bool both_phases = false;
};
struct relaxed_push : rcu::srcu_orders {
    static constexpr std::memory_order deferred_push = std::memory_order_relaxed;
};
struct relaxed_take : rcu::srcu_orders {
    static constexpr std::memory_order deferred_take = std::memory_order_relaxed;
};

/// What is published, and what a section does with it.
struct object {
    rl::var<int> alive;
    object() { alive($) = 1; }
    void use() { RL_ASSERT(static_cast<int>(alive($)) == 1); }
    void reclaim() { alive($) = 0; } // a section that still uses it races with this
};

constexpr std::size_t most_objects = 2;
enum how_to_wait { waiting, polling };

template <class Orders>
struct scene {
    struct no_nmi {
        no_nmi() { model::source = {}; } // left over from the execution before
    } first;
    rcu::srcu_grace_period<platform, Orders, 2> grace_periods;
    std::array<object, most_objects> objects;
    /// Each one more than the index of an object, 0: none.
    std::array<platform::atomic<int>, most_objects> published{{{1}, {0}}};

    void section()
    {
        auto& count = rcu::enter_section<platform, Orders>(grace_periods.readers());
        for (auto& slot : published)
            if (const int at = slot.load(std::memory_order_acquire); at != 0)
                objects[static_cast<std::size_t>(at - 1)].use();
        rcu::leave_section<platform, Orders>(count);
    }
    void replace(std::size_t slot, int next, how_to_wait how)
    {
        const int old = published[slot].load(std::memory_order_relaxed); // the slot's only writer
        published[slot].store(next, std::memory_order_release);
        wait(how);
        objects[static_cast<std::size_t>(old - 1)].reclaim();
    }
    void wait(how_to_wait how)
    {
        if (how == waiting)
            return grace_periods.synchronize();
        const auto wanted = grace_periods.start_poll();
        while (!grace_periods.ended(wanted))
            rl::yield(1, $);
    }
    void nmis(unsigned thread, int count, bool nest)
    {
        model::source = {[](void* self) { static_cast<scene*>(self)->section(); }, this, {}, nest};
        model::source.left[thread] = count;
    }
};

template <class Orders, how_to_wait How = waiting, int Nmis = 0, bool Nest = false>
struct swap : rl::test_suite<swap<Orders, How, Nmis, Nest>, 2>, scene<Orders> {
    void before() { this->nmis(0, Nmis, Nest); }
    void thread(unsigned index)
    {
        if (index == 1)
            return this->replace(0, 0, How);
        this->section();
        if (Nmis == 0)
            this->section();
    }
};

template <class Orders, how_to_wait How = waiting>
struct twice : rl::test_suite<twice<Orders, How>, 2>, scene<Orders> {
    void before() { this->nmis(0, 1, false); }
    void thread(unsigned index)
    {
        if (index == 0)
            return this->section();
        this->replace(0, 2, How);
        this->replace(0, 0, How);
    }
};

template <class Orders>
struct share : rl::test_suite<share<Orders>, 3>, scene<Orders> {
    void before() { this->nmis(0, 0, false); }
    void thread(unsigned index) { index == 2 ? this->replace(0, 0, polling) : this->section(); }
};

template <class Orders, how_to_wait First = waiting, how_to_wait Second = polling>
struct batch : rl::test_suite<batch<Orders, First, Second>, 3>, scene<Orders> {
    void before()
    {
        this->nmis(0, 0, false);
        this->published[1].store(2, std::memory_order_relaxed);
    }
    void thread(unsigned index)
    {
        if (index != 0)
            return this->replace(index - 1, 0, index == 1 ? First : Second);
        this->section();
    }
};

template <class Orders>
struct deferred : rl::test_suite<deferred<Orders>, 3>, scene<Orders> {
    using callback = rcu::deferred_callback<platform>;
    struct retired : callback {
        platform::plain<object*> what;
    };
    rcu::deferred_stack<platform, Orders> calls;
    retired old;

    void before() { this->nmis(0, 0, false); }
    void thread(unsigned index)
    {
        if (index == 0) {
            this->section();
        } else if (index == 1) {
            this->published[0].store(0, std::memory_order_release);
            old.what = &this->objects[0];
            calls.push(old);
        } else {
            callback* c = nullptr;
            while ((c = calls.take()) == nullptr)
                rl::yield(1, $);
            this->grace_periods.synchronize();
            object* const what = static_cast<retired*>(c)->what;
            what->reclaim();
        }
    }
};

} // namespace

TEST_CASE("a swap waits for every section that could see the old object")
{
    is_right<swap<rcu::srcu_orders, waiting>>(3);
    is_right<swap<rcu::srcu_orders, polling>>(3);
}

TEST_CASE("it does so with an NMI before every atomic operation of the reader")
{
    is_right<swap<rcu::srcu_orders, waiting, 1>>(2);
    is_right<swap<rcu::srcu_orders, polling, 1>>(2);
}

TEST_CASE("it does so with NMIs that interrupt NMIs")
{
    is_right<swap<rcu::srcu_orders, polling, 2, true>>(1);
}

TEST_CASE("a reader that took its phase before a step is waited for by the next grace period")
{
    is_right<twice<rcu::srcu_orders, waiting>>(2);
    is_right<twice<rcu::srcu_orders, polling>>(2);
}

TEST_CASE("two readers may share a line")
{
    is_right<share<rcu::srcu_orders>>(2);
}

TEST_CASE("a look that was under way when a caller came does not count for it")
{
    is_right<batch<rcu::srcu_orders, waiting, waiting>>(2);
    is_right<batch<rcu::srcu_orders, waiting, polling>>(2);
    is_right<batch<rcu::srcu_orders, polling, polling>>(2);
}

TEST_CASE("a deferred callback runs after a grace period that began after its call")
{
    is_right<deferred<rcu::srcu_orders>>(2);
}

TEST_CASE("each fence, order and look left out is found")
{
    SECTION("the reader's fence")
    {
        is_found_wrong<swap<no_reader_fence>>(2);
    }
    SECTION("the release of a section's end")
    {
        is_found_wrong<swap<relaxed_section_end>>(2);
    }
    SECTION("the caller's fence")
    {
        is_found_wrong<batch<no_caller_fence, polling>>(2);
    }
    SECTION("the fence of the look")
    {
        is_found_wrong<batch<no_look_fence, polling>>(2);
        is_found_wrong<swap<no_look_fence>>(2);
    }
    SECTION("its half that orders stores with loads")
    {
        is_found_wrong<swap<look_fence_of_loads_only>>(2);
    }
    SECTION("the acquire of the look")
    {
        is_found_wrong<swap<relaxed_look>>(2);
        is_found_wrong<batch<relaxed_look, polling>>(2);
    }
    SECTION("the look at the other phase")
    {
        is_found_wrong<twice<one_phase>>(2);
    }
    SECTION("the release of a step")
    {
        is_found_wrong<batch<relaxed_step, polling>>(2);
    }
    SECTION("the acquire of a step by another")
    {
        is_found_wrong<batch<relaxed_step_seen, polling>>(2);
    }
    SECTION("the third step")
    {
        is_found_wrong<batch<two_steps_ahead, polling>>(2);
    }
    SECTION("the release of a deferred call")
    {
        is_found_wrong<deferred<relaxed_push>>(2);
    }
    SECTION("the acquire of the worker")
    {
        is_found_wrong<deferred<relaxed_take>>(2);
    }
}
