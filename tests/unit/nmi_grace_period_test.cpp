// SPDX-License-Identifier: MIT
//
// Which lines a grace period of flavor nmi looks at: each that is taken, in every word of the table, and none that was
// given back. On a platform where the updater's first pause ends the section that it waits for.
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
        void lock() {}
        void unlock() {}
    };
    using reader = nmi_reader<one_pause_platform>;
    static constexpr std::size_t line_size = 64;
    static constexpr unsigned spins = 1;
    static constexpr bool one_instruction = true;

    static inline reader* inside = nullptr; ///< the line with the section
    static inline int pauses = 0;

    static void store_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t value,
                                 std::memory_order order)
    {
        word.store(value, order);
    }
    static void fence(std::memory_order) {}
    static void relax()
    {
        ++pauses;
        exit_section<one_pause_platform, nmi_orders>(*inside);
    }
    static void wake(reader&) {}
    static void sleep_until_ended(reader&, std::uint64_t, bool (*)(const reader&, std::uint64_t)) {}
};

constexpr std::size_t capacity = 130; // two words of the table, and a part of the third
using grace_periods = nmi_grace_period<one_pause_platform, nmi_orders, capacity>;
using reader = grace_periods::reader;

/// How many sections a grace period waits for if there is one on this line.
int waits(grace_periods& g, reader& line)
{
    one_pause_platform::inside = &line;
    one_pause_platform::pauses = 0;
    enter_section<one_pause_platform, nmi_orders>(line);
    g.synchronize();
    if (one_pause_platform::pauses == 0)
        exit_section<one_pause_platform, nmi_orders>(line);
    return one_pause_platform::pauses;
}

TEST_CASE("a grace period looks at every line that is taken and at no other")
{
    const auto g = std::make_unique<grace_periods>();
    std::vector<reader*> lines;
    while (reader* const line = g->take_reader())
        lines.push_back(line);
    REQUIRE(lines.size() == capacity);

    for (reader* line : lines)
        CHECK(waits(*g, *line) == 1);

    for (const auto& [i, beside] : {std::pair{0U, 1U}, {63U, 62U}, {64U, 65U}, {129U, 128U}}) {
        g->give_back(*lines[i]);
        CHECK(waits(*g, *lines[i]) == 0);
        CHECK(waits(*g, *lines[beside]) == 1);
    }
    for (const std::size_t i : {0U, 63U, 64U, 129U}) {
        CHECK(g->take_reader() == lines[i]); // the first that is free
        CHECK(waits(*g, *lines[i]) == 1);
    }
    CHECK(g->take_reader() == nullptr);
}

} // namespace
} // namespace nmisim::rcu
