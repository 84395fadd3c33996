// SPDX-License-Identifier: MIT
//
// What a grace period of flavor srcu looks at: every line, both phases; what it does not need if nobody is inside; and that
// sections which begin meanwhile do not hold it up. On a platform where the updater's pauses are the readers' turns.
#include "support/catch2.hpp"

#include "rcu/srcu_grace_period.hpp"

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
    std::uint32_t phase() { return g.readers().phase.load() & 1; }
    /// How many pauses a grace period took.
    int waits()
    {
        turns_platform::pauses = 0;
        g.synchronize();
        return turns_platform::pauses;
    }
};

} // namespace

TEST_CASE("a grace period of srcu that finds nobody inside takes no lock and leaves the phase alone")
{
    fixture f;
    const std::uint32_t before = f.phase();
    f.leave(f.enter(3));
    CHECK(f.waits() == 0);
    CHECK(turns_platform::locked == 0);
    CHECK(f.phase() == before);
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
    CHECK(&s == &f.g.readers().lines[3].phases[f.phase()]);
    turns_platform::readers_go = [&](int) { f.leave(s); };
    CHECK(f.waits() == 1);
}

TEST_CASE("a grace period of srcu waits for a section that counts in the phase before the last flip")
{
    fixture f;
    section& straggler = f.enter(1); // took its phase now
    turns_platform::readers_go = [&](int) { f.leave(straggler); };
    REQUIRE(f.waits() == 1);
    auto& late = f.g.readers().lines[1].phases[(f.phase() + 1) & 1];
    late.locks.fetch_add(1); // another one took it then, too, and counts only now
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
    CHECK(f.waits() == 1);
    f.leave(*inside);
}

TEST_CASE("a caller of srcu is served by a flip that began after it came")
{
    fixture f;
    section& s = f.enter(0);
    // Whoever has the lock before the caller gets it does a whole flip.
    turns_platform::in_lock = [&] {
        turns_platform::readers_go = [&](int) { f.leave(s); };
        f.g.synchronize();
    };
    const std::uint32_t before = f.phase();
    f.g.synchronize();
    CHECK(turns_platform::locked == 2);
    CHECK(f.phase() != before); // one flip, not two
}

TEST_CASE("a flip of srcu that is under way does not count for who comes now")
{
    CHECK(grace_periods::end_of_next(2) == 4);
    CHECK(grace_periods::end_of_next(3) == 6);
}

} // namespace nmisim::rcu
