// SPDX-License-Identifier: MIT
//
// What a grace period of SRCU looks at: every line, both phases; what it does not need if nobody is inside; and that
// sections which begin meanwhile do not hold it up; who polls, and who waits. On a platform where the updater's pauses are the readers' turns.
#include "support/catch2.hpp"

#include "rcu/srcu/grace_period.hpp"

#include <functional>
#include <stdexcept>
#include <utility>

namespace nmisim::rcu {
namespace {

struct turns_platform {
    template <class T>
    using atomic = std::atomic<T>;
    struct mutex {
        void lock()
        {
            ++locked;
            if (in_lock)
                std::exchange(in_lock, {})();
        }
        void unlock() {}
    };
    static constexpr std::size_t line_size = 64;

    static inline unsigned cpu = 0;
    static inline int locked = 0;
    static inline int pauses = 0;
    static inline std::function<void()> in_lock;       ///< what happens while the caller waits for the lock
    static inline std::function<void(int)> readers_go; ///< what happens in the nth pause

    static unsigned current_cpu() { return cpu; }
    static void add_then_fence(std::atomic<std::uint64_t>& number, std::memory_order order)
    {
        number.fetch_add(1, order);
    }
    static void fence(std::memory_order) {}
    static void pause(unsigned)
    {
        if (++pauses > 1000)
            throw std::runtime_error("it never ends");
        readers_go(pauses);
    }
};

constexpr std::size_t lines = 8;
using grace_periods = srcu_grace_period<turns_platform, srcu_orders, lines>;
using section = srcu_count<turns_platform>;

struct fixture {
    grace_periods g;
    fixture()
    {
        turns_platform::cpu = 0;
        turns_platform::locked = turns_platform::pauses = 0;
        turns_platform::in_lock = {};
        turns_platform::readers_go = [](int) {};
    }
    section& enter(unsigned cpu)
    {
        turns_platform::cpu = cpu;
        return enter_section<turns_platform, srcu_orders>(g.readers());
    }
    static void leave(section& s) { leave_section<turns_platform, srcu_orders>(s); }
    std::uint64_t sequence() { return g.readers().sequence.load(); }
    unsigned phase() { return sequence() & 1; }
    /// How many pauses a grace period took.
    int waits()
    {
        turns_platform::pauses = 0;
        g.synchronize();
        return turns_platform::pauses;
    }
};

} // namespace

TEST_CASE("a grace period of srcu that finds nobody inside takes no lock and writes to no line of readers")
{
    fixture f;
    const std::uint64_t before = f.sequence();
    f.leave(f.enter(3));
    CHECK(f.waits() == 0);
    CHECK(turns_platform::locked == 0);
    CHECK(f.sequence() == before);
}

TEST_CASE("a grace period of srcu waits for a section on any line")
{
    fixture f;
    for (unsigned cpu = 0; cpu < lines; ++cpu) {
        section& s = f.enter(cpu);
        turns_platform::readers_go = [&](int n) {
            if (n == 5)
                f.leave(s);
        };
        CHECK(f.waits() == 5);
    }
}

TEST_CASE("CPUs beyond the last line share lines")
{
    fixture f;
    f.g.readers().last_line = 3;
    section& s = f.enter(7);
    CHECK(&s == &f.g.readers().lines[3].inside[f.phase()]);
    turns_platform::readers_go = [&](int) { f.leave(s); };
    CHECK(f.waits() == 1);
}

TEST_CASE("a grace period of srcu waits for a section that counts in the phase before the last step")
{
    fixture f;
    auto& late = f.g.readers().lines[1].inside[f.phase()];
    section& first = f.enter(1); // took its phase now, and so did another one that counts only later
    CHECK_FALSE(f.g.ended(f.g.start_poll()));
    f.leave(first);
    late.fetch_add(1);
    REQUIRE(&late != &f.g.readers().lines[1].inside[f.phase()]);
    turns_platform::readers_go = [&](int n) {
        if (n == 3)
            f.leave(late);
    };
    CHECK(f.waits() == 3);
}

TEST_CASE("sections that begin while an updater of srcu waits do not hold it up")
{
    fixture f;
    section* inside = &f.enter(0);
    unsigned cpu = 0;
    turns_platform::readers_go = [&](int) {
        section& next = f.enter(++cpu % lines); // there is always one inside
        f.leave(*std::exchange(inside, &next));
    };
    CHECK(f.waits() <= 3); // a step each
    f.leave(*inside);
}

TEST_CASE("a caller of srcu is served by the steps of another that came after it")
{
    fixture f;
    section* inside = &f.enter(0);
    // Whoever has the lock before the caller gets it waits a whole grace period.
    turns_platform::in_lock = [&] {
        turns_platform::readers_go = [&](int) {
            section& next = f.enter(1);
            f.leave(*std::exchange(inside, &next));
        };
        f.g.synchronize();
        turns_platform::pauses = 0;
    };
    f.g.synchronize();
    CHECK(turns_platform::locked == 2);
    CHECK(turns_platform::pauses == 0);
    f.leave(*inside);
}

TEST_CASE("a step of srcu that may have begun before does not count for who comes now")
{
    fixture f;
    section& s = f.enter(0);
    const auto before = f.sequence();
    CHECK_FALSE(f.g.ended(f.g.start_poll()));
    CHECK(f.sequence() == before + 1); // the other phase was empty
    CHECK(f.g.start_poll() == before + 1 + 3);
    f.leave(s);
}

TEST_CASE("who polls takes no lock and makes the steps that can be made")
{
    fixture f;
    section& s = f.enter(0);
    const auto wanted = f.g.start_poll();
    for (int i = 0; i < 5; ++i)
        CHECK_FALSE(f.g.ended(wanted));
    f.leave(s);
    CHECK(f.g.ended(wanted));
    CHECK(turns_platform::locked == 0);
    CHECK(turns_platform::pauses == 0);
}

} // namespace nmisim::rcu
