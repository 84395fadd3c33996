// SPDX-License-Identifier: MIT
//
// Flavor nmi under the C++ memory model, in small programs; and what each finds if one fence or order is left out. A
// model that finds nothing in broken code would prove nothing about the correct code.
//
//   swap      an updater replaces an object and poisons the old one; a reader's sections, and an NMI's, use it
//   carry     NMIs count where the count is full, and somebody asks for it
//   batch     two updaters, each with an object of its own: one may be served by the other's grace period
//   exchange  two updaters replace one object in turn, one after the other, and poison what was there: their grace
//             periods run beside each other
//   register  the reader's thread takes its line while the updater scans
//   leave     a thread gives its line back, another takes one beside it, and an updater looks at neither
//   deferred  the old object is passed to the worker of call(); how the worker sleeps is not in the model
#include "support/catch2.hpp"

#include "rcu/publish_lock.hpp"

#include "search.hpp"

#include "relacy_platform.hpp"

using namespace nmisim;
using model::is_found_wrong;
using model::is_right;
using model::platform;

namespace {

// One wrong thing each.
struct no_reader_fence : rcu::nmi_orders {
    static constexpr bool reader_fence = false;
};
struct no_updater_fence : rcu::nmi_orders {
    static constexpr bool updater_fence = false;
};
struct no_caller_fence : rcu::nmi_orders {
    static constexpr bool caller_fence = false;
};
struct no_updater_fence_at_all : rcu::nmi_orders {
    static constexpr bool caller_fence = false;
    static constexpr bool updater_fence = false;
};
struct no_scan_fence : rcu::nmi_orders {
    static constexpr bool scan_fence = false;
};
struct relaxed_section_end : rcu::nmi_orders {
    static constexpr std::memory_order section_end = std::memory_order_relaxed;
};
struct relaxed_give_back : rcu::nmi_orders {
    static constexpr std::memory_order line_given_back = std::memory_order_relaxed;
};
struct relaxed_take_of_a_line : rcu::nmi_orders {
    static constexpr std::memory_order line_taken = std::memory_order_relaxed;
};
struct joins_a_grace_period_under_way : rcu::nmi_orders {
    static constexpr bool full_grace_period = false;
};
struct relaxed_publishing : rcu::publish_orders {
    static constexpr std::memory_order publishing_begins = std::memory_order_relaxed;
};
struct relaxed_published : rcu::publish_orders {
    static constexpr std::memory_order published = std::memory_order_relaxed;
};
struct relaxed_push : rcu::nmi_orders {
    static constexpr std::memory_order deferred_push = std::memory_order_relaxed;
};
struct relaxed_take : rcu::nmi_orders {
    static constexpr std::memory_order deferred_take = std::memory_order_relaxed;
};

constexpr std::uint64_t nmi_level = nmi_offset + hardirq_offset;

/// What is published, and what a section does with it.
struct object {
    rl::var<int> alive;
    object() { alive($) = 1; }
    void use() { RL_ASSERT(static_cast<int>(alive($)) == 1); }
    void reclaim() { alive($) = 0; } // a section that still uses it races with this
};

template <class Orders, std::size_t Objects, class platform = model::platform>
struct scene {
    using reader = rcu::nmi_reader<platform>;
    struct no_nmi {
        no_nmi() { model::source = {}; } // left over from the execution before
    } first;
    rcu::nmi_grace_period<platform, Orders, 2> grace_periods;
    std::array<object, Objects> objects;
    std::array<typename platform::template atomic<int>, Objects> published = filled();
    std::array<reader*, model::most_threads> line{};

    static auto filled()
    {
        if constexpr (Objects == 1)
            return std::array<typename platform::template atomic<int>, 1>{{{1}}};
        else
            return std::array<typename platform::template atomic<int>, 2>{{{1}, {1}}};
    }
    void use_what_is_published()
    {
        for (std::size_t i = 0; i < Objects; ++i)
            if (published[i].load(std::memory_order_acquire) != 0)
                objects[i].use();
    }
    void section() // as rcu_read_lock, rcu_read_unlock
    {
        reader& self = *line[rl::thread_index()];
        rcu::enter_section<platform, Orders>(self, reader_offset);
        use_what_is_published();
        rcu::exit_section<platform, Orders>(self, reader_offset);
    }
    int executed = 0;
    void marked_section() // as do_nmi
    {
        reader& self = *line[rl::thread_index()];
        const std::uint64_t before = rcu::enter_section<platform, Orders>(self, nmi_level);
        if ((self.look() & carry_due) != 0)
            self.carry();
        use_what_is_published();
        ++executed;
        rcu::leave_section<platform, Orders>(self, before, one_nmi - nmi_level);
    }
    /// No NMI may lose the count of another, nor its own.
    void check_count(std::uint64_t at_first = 0)
    {
        model::source = {};
        RL_ASSERT(line[0]->nmis() == at_first + static_cast<unsigned>(executed));
        RL_ASSERT(line[0]->preempt_count() == 0);
    }
    void replace(std::size_t which)
    {
        published[which].store(0, std::memory_order_release);
        grace_periods.synchronize();
        objects[which].reclaim();
    }
    void nmis(unsigned thread, int count)
    {
        model::source = {[](void* self) { static_cast<scene*>(self)->marked_section(); }, this, {}, false};
        model::source.left[thread] = count;
    }
};

template <class Orders, model::additions How>
struct swap_with_nmi : rl::test_suite<swap_with_nmi<Orders, How>, 2>,
                       scene<Orders, 1, model::platform_with<How>> {
    void before()
    {
        this->line[0] = this->grace_periods.take_reader();
        this->nmis(0, 1);
    }
    void thread(unsigned index)
    {
        if (index == 0) {
            this->section();
        } else {
            this->replace(0);
        }
    }
    void after() { this->check_count(); }
};

/// The interrupted section is an NMI or an IRQ itself (--nesting nested), and a second NMI may come on top or after.
template <class Orders, model::additions How>
struct swap_with_nested_nmis : swap_with_nmi<Orders, How> {
    void before()
    {
        swap_with_nmi<Orders, How>::before();
        this->nmis(0, 2);
        model::source.nest = true;
    }
    void thread(unsigned index) { index == 0 ? this->marked_section() : this->replace(0); }
};

/// The count is full: whichever NMI comes first to its next enter carries, while somebody asks for the count.
template <model::additions How>
struct count_carries : rl::test_suite<count_carries<How>, 2>,
                       scene<rcu::nmi_orders, 1, model::platform_with<How>> {
    static constexpr std::uint64_t at_first = carry_due / one_nmi;
    void before()
    {
        this->line[0] = this->grace_periods.take_reader();
        this->line[0]->add(carry_due);
        this->nmis(0, 2);
        model::source.nest = true;
    }
    void thread(unsigned index)
    {
        if (index == 0) {
            this->marked_section();
            return;
        }
        const std::uint64_t one = this->line[0]->nmis();
        const std::uint64_t two = this->line[0]->nmis();
        RL_ASSERT(at_first <= one && one <= two && two <= at_first + 3);
    }
    void after() { this->check_count(at_first); }
};

template <class Orders>
struct swap : rl::test_suite<swap<Orders>, 2>, scene<Orders, 1> {
    void before()
    {
        this->line[0] = this->grace_periods.take_reader();
        this->nmis(0, 0);
    }
    void thread(unsigned index)
    {
        if (index == 0) {
            this->section();
            this->section();
        } else {
            this->replace(0);
        }
    }
};

template <class Orders>
struct batch : rl::test_suite<batch<Orders>, 3>, scene<Orders, 2> {
    void before()
    {
        this->line[0] = this->grace_periods.take_reader();
        this->nmis(0, 0);
    }
    void thread(unsigned index)
    {
        if (index == 0)
            this->section();
        else
            this->replace(index - 1);
    }
};

/// As machine::exchange(): who publishes gets what was published before, and reclaims it.
template <class Orders, class Publishing = rcu::publish_orders>
struct exchange : rl::test_suite<exchange<Orders, Publishing>, 3>, scene<Orders, 2> {
    typename platform::template atomic<int> callback{1}; ///< one more than the object's index, 0: none
    rl::var<int> owned;
    rcu::publish_lock<platform, Publishing> publishing;
    void before()
    {
        this->line[0] = this->grace_periods.take_reader();
        this->nmis(0, 0);
        owned($) = 1;
    }
    void publish(int next)
    {
        publishing.lock();
        callback.store(next, std::memory_order_release);
        const int old = static_cast<int>(owned($));
        owned($) = next;
        publishing.unlock();
        this->grace_periods.synchronize_alone();
        if (old != 0)
            this->objects[static_cast<std::size_t>(old - 1)].reclaim();
    }
    void thread(unsigned index)
    {
        if (index == 0) {
            reader_section();
        } else {
            publish(index == 1 ? 2 : 0);
        }
    }
    void reader_section()
    {
        auto& self = *this->line[0];
        rcu::enter_section<platform, Orders>(self, reader_offset);
        if (const int at = callback.load(std::memory_order_acquire); at != 0)
            this->objects[static_cast<std::size_t>(at - 1)].use();
        rcu::exit_section<platform, Orders>(self, reader_offset);
    }
};

template <class Orders>
struct registration : rl::test_suite<registration<Orders>, 2>, scene<Orders, 1> {
    void before() { this->nmis(0, 0); }
    void thread(unsigned index)
    {
        if (index == 0) {
            for (int i = 0; i < 2; ++i) {
                this->line[0] = this->grace_periods.take_reader();
                this->section();
                this->grace_periods.give_back(*this->line[0]);
            }
        } else {
            this->replace(0);
        }
    }
};

template <class Orders>
struct leave : rl::test_suite<leave<Orders>, 3>, scene<Orders, 1> {
    void before()
    {
        auto* const other = this->grace_periods.take_reader();
        this->line[0] = this->grace_periods.take_reader();
        this->grace_periods.give_back(*other); // the one that the other thread takes
        this->nmis(0, 0);
    }
    void thread(unsigned index)
    {
        if (index == 0) {
            this->section();
            this->grace_periods.give_back(*this->line[0]);
        } else if (index == 1) {
            this->line[1] = this->grace_periods.take_reader();
        } else {
            this->replace(0);
        }
    }
};

template <class Orders>
struct deferred : rl::test_suite<deferred<Orders>, 3>, scene<Orders, 1> {
    using stack = rcu::deferred_stack<platform, Orders>;
    using callback = rcu::deferred_callback<platform>;
    struct retired : callback {
        platform::plain<object*> what;
    };
    stack calls;
    retired old;

    void before()
    {
        this->line[0] = this->grace_periods.take_reader();
        this->nmis(0, 0);
    }
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
    is_right<swap<rcu::nmi_orders>>(4);
}

TEST_CASE("it does so with an NMI before every atomic operation of the reader")
{
    SECTION("where an enter is one instruction")
    {
        is_right<swap_with_nmi<rcu::nmi_orders, model::additions::fence_in_one>>(3);
    }
    SECTION("where its addition and its fence are two")
    {
        is_right<swap_with_nmi<rcu::nmi_orders, model::additions::fence_apart>>(3);
    }
}

TEST_CASE("it does so with NMIs that interrupt NMIs")
{
    SECTION("where an enter is one instruction")
    {
        is_right<swap_with_nested_nmis<rcu::nmi_orders, model::additions::fence_in_one>>(2);
    }
    SECTION("where its addition and its fence are two")
    {
        is_right<swap_with_nested_nmis<rcu::nmi_orders, model::additions::fence_apart>>(2);
    }
    SECTION("and finds the section that nests without a fence of its own")
    {
        is_found_wrong<swap_with_nested_nmis<rcu::nmi_orders, model::additions::nested_bare>>(2);
    }
}

TEST_CASE("no NMI loses a count, whoever carries")
{
    SECTION("where an enter is one instruction")
    {
        is_right<count_carries<model::additions::fence_in_one>>(2);
    }
    SECTION("where its addition and its fence are two")
    {
        is_right<count_carries<model::additions::fence_apart>>(2);
    }
    SECTION("and finds an enter that loads and then stores")
    {
        is_found_wrong<swap_with_nmi<rcu::nmi_orders, model::additions::enter_apart>>(3);
    }
    SECTION("and finds a leave that loads and then stores")
    {
        is_found_wrong<swap_with_nested_nmis<rcu::nmi_orders, model::additions::leave_apart>>(2);
    }
}

TEST_CASE("a caller that another's grace period serves is served by one that began after it came")
{
    is_right<batch<rcu::nmi_orders>>(3);
}

TEST_CASE("an exchange waits for every section that could see the old object, beside another one")
{
    is_right<exchange<rcu::nmi_orders>>(3);
}

TEST_CASE("a thread may register while an updater scans")
{
    is_right<registration<rcu::nmi_orders>>(4);
}

TEST_CASE("a thread may unregister, and another register, while an updater scans")
{
    is_right<leave<rcu::nmi_orders>>(4);
}

TEST_CASE("a deferred callback runs after a grace period that began after its call")
{
    is_right<deferred<rcu::nmi_orders>>(3);
}

TEST_CASE("each fence and order left out is found")
{
    SECTION("the reader's fence")
    {
        is_found_wrong<swap<no_reader_fence>>(4);
    }
    SECTION("the fence of a section that nests where an NMI can come before the outer one's")
    {
        is_found_wrong<swap_with_nmi<rcu::nmi_orders, model::additions::nested_bare>>(3);
    }
    SECTION("the reader's fence, by a thread that registers")
    {
        is_found_wrong<registration<no_reader_fence>>(4);
    }
    SECTION("both of the updater's fences")
    {
        is_found_wrong<swap<no_updater_fence_at_all>>(4);
    }
    SECTION("the updater's fence, for those whom it serves")
    {
        is_found_wrong<batch<no_updater_fence>>(3);
    }
    SECTION("the caller's fence")
    {
        is_found_wrong<batch<no_caller_fence>>(3);
    }
    SECTION("the updater's fence, of an exchange")
    {
        is_found_wrong<exchange<no_updater_fence>>(3);
    }
    SECTION("the acquire of who publishes")
    {
        is_found_wrong<exchange<rcu::nmi_orders, relaxed_publishing>>(3);
    }
    SECTION("the release of who has published")
    {
        is_found_wrong<exchange<rcu::nmi_orders, relaxed_published>>(3);
    }
    SECTION("the fence behind the scan, of an exchange")
    {
        is_found_wrong<exchange<no_scan_fence>>(3);
    }
    SECTION("the fence behind the scan")
    {
        is_found_wrong<swap<no_scan_fence>>(4);
    }
    SECTION("the release of a section's end")
    {
        is_found_wrong<swap<relaxed_section_end>>(4);
    }
    SECTION("the release of a line that is given back")
    {
        is_found_wrong<registration<relaxed_give_back>>(4);
    }
    SECTION("the release of a line that is taken beside it")
    {
        is_found_wrong<leave<relaxed_take_of_a_line>>(4);
    }
    SECTION("a grace period that began after the call")
    {
        is_found_wrong<batch<joins_a_grace_period_under_way>>(3);
    }
    SECTION("the release of a deferred call")
    {
        is_found_wrong<deferred<relaxed_push>>(3);
    }
    SECTION("the acquire of the worker")
    {
        is_found_wrong<deferred<relaxed_take>>(3);
    }
}
