// SPDX-License-Identifier: MIT
//
// Which lines a grace period of flavor nmi looks at: each that is taken, in every word of the table, and none that was
// given back. The platform ends the section that the updater waits for at the updater's first pause. And, on a platform
// where the pause ends nothing and the updater sleeps: that it does not disturb others that wait.
#include "support/catch2.hpp"

#include "rcu/nmi_grace_period.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace nmisim::rcu {
namespace {

struct one_pause_platform {
    template <class T>
    using atomic = std::atomic<T>;
    struct mutex {
        void lock() { ++locked; }
        void unlock() {}
    };
    using reader = nmi_reader<one_pause_platform>;
    static constexpr std::size_t line_size = 64;
    static constexpr unsigned spins = 1;
    using counting = counting_platform;

    static inline reader* inside = nullptr; ///< the line with the section
    static inline bool stays = false;       ///< an updater pauses in vain, and sleeps
    static inline int pauses = 0;
    static inline int locked = 0;
    static inline void (*asleep)(reader&) = nullptr;

    static void add_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order order)
    {
        word.fetch_add(n, order);
    }
    static void add_in_order(std::atomic<std::uint64_t>& word, std::uint64_t n, std::memory_order order)
    {
        word.fetch_add(n, order);
    }
    static void fence(std::memory_order) {}
    static void relax()
    {
        ++pauses;
        if (stays)
            return;
        exit_section<one_pause_platform, nmi_orders>(*inside, reader_offset);
    }
    static void wake(reader&) {}
    static void sleep_until_ended(reader& r, std::uint64_t, bool (*)(const reader&, std::uint64_t))
    {
        asleep(r);
    }
};

constexpr std::size_t capacity = 130; // two words of the table, and a part of the third
using grace_periods = nmi_grace_period<one_pause_platform, nmi_orders, capacity>;
using reader = grace_periods::reader;
using wait_function = void (grace_periods::*)();

/// How many sections a grace period waits for if there is one on this line.
int waits(grace_periods& g, reader& line, wait_function synchronize)
{
    one_pause_platform::inside = &line;
    one_pause_platform::pauses = 0;
    enter_section<one_pause_platform, nmi_orders>(line, reader_offset);
    (g.*synchronize)();
    if (one_pause_platform::pauses == 0)
        exit_section<one_pause_platform, nmi_orders>(line, reader_offset);
    return one_pause_platform::pauses;
}

TEST_CASE("a grace period looks at every line that is taken and at no other")
{
    const auto g = std::make_unique<grace_periods>();
    std::vector<reader*> lines;
    while (reader* const line = g->take_reader())
        lines.push_back(line);
    REQUIRE(lines.size() == capacity);

    const wait_function how =
        GENERATE(false, true) ? &grace_periods::synchronize_alone<> : &grace_periods::synchronize;
    for (reader* line : lines)
        CHECK(waits(*g, *line, how) == 1);

    for (const auto& [i, beside] : {std::pair{0U, 1U}, {63U, 62U}, {64U, 65U}, {129U, 128U}}) {
        g->give_back(*lines[i]);
        CHECK(waits(*g, *lines[i], how) == 0);
        CHECK(waits(*g, *lines[beside], how) == 1);
    }
    for (const std::size_t i : {0U, 63U, 64U, 129U}) {
        CHECK(g->take_reader() == lines[i]); // the first that is free
        CHECK(waits(*g, *lines[i], how) == 1);
    }
    CHECK(g->take_reader() == nullptr);
}

TEST_CASE("a reserved line is nobody else's, and is looked at while it is registered only")
{
    const auto g = std::make_unique<grace_periods>();
    const wait_function how =
        GENERATE(false, true) ? &grace_periods::synchronize_alone<> : &grace_periods::synchronize;
    reader& before = *g->take_reader();
    reader& line = *g->reserve();
    CHECK(g->reserve() != &line);
    for (int life = 0; life < 2; ++life) {
        CHECK(waits(*g, line, how) == 0);
        g->register_reserved(line);
        CHECK(waits(*g, line, how) == 1);
        g->give_back(line);
        CHECK(waits(*g, before, how) == 1);
        reader* const other = g->take_reader();
        CHECK(other != &line);
        g->give_back(*other);
    }
    CHECK(waits(*g, line, how) == 0);
    g->end_reservation(line);
    CHECK(g->take_reader() == &line);
}

TEST_CASE("who wakes while another sleeps on the same reader leaves that one's mark, and alone takes no lock")
{
    static std::unique_ptr<grace_periods> g;
    static std::vector<std::uint32_t> marks;
    g = std::make_unique<grace_periods>();
    marks.clear();
    reader& line = *g->take_reader();
    enter_section<one_pause_platform, nmi_orders>(line, reader_offset);
    one_pause_platform::stays = true;
    one_pause_platform::asleep = [](reader& r) {
        marks.push_back(r.awaited);
        if (marks.size() == 1) {
            g->synchronize_alone(); // the second, which sleeps and wakes meanwhile
            marks.push_back(r.awaited);
        }
    };
    one_pause_platform::locked = 0;
    g->synchronize();
    CHECK(marks == std::vector<std::uint32_t>{1, 2, 1});
    CHECK(line.awaited == 0);
    CHECK(one_pause_platform::locked == 1); // by the first: the second waits for readers, not for updaters
    one_pause_platform::stays = false;
}

} // namespace
} // namespace nmisim::rcu
