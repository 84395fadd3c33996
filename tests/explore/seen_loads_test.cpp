// SPDX-License-Identifier: MIT
//
// How often a load gave the same value is counted for each alone, wherever they lie.
#include "explore/memory/seen_loads.hpp"
#include "support/catch2.hpp"

using namespace nmisim::explore;

namespace {

constexpr std::uintptr_t ip = 0x401000;
constexpr std::uintptr_t a_place = 0x7000;

std::uintptr_t another_place()
{
    std::uintptr_t other = a_place + 1;
    while (seen_loads::first_slot(ip, other) != seen_loads::first_slot(ip, a_place))
        ++other;
    return other;
}
std::uintptr_t another_ip()
{
    std::uintptr_t other = ip + 1;
    while (seen_loads::first_slot(other, a_place) != seen_loads::first_slot(ip, a_place))
        ++other;
    return other;
}

} // namespace

TEST_CASE("loads that begin at the same place of the table are counted apart")
{
    seen_loads loads;
    const std::uintptr_t other_place = another_place();
    const std::uintptr_t other_ip = another_ip();
    for (unsigned times = 0; times < 3; ++times)
        for (seen_load* l : {loads.of(ip, a_place), loads.of(ip, other_place), loads.of(other_ip, a_place)}) {
            REQUIRE(l != nullptr);
            CHECK(l->times == times);
            ++l->times;
        }
}

TEST_CASE("as many loads are counted as there is room for, in each run")
{
    seen_loads loads;
    std::uintptr_t place = 0;
    for (int run = 0; run < 3; ++run) {
        loads.forget();
        const std::uintptr_t first = place;
        for (; place < first + seen_loads::room; ++place) {
            seen_load* const l = loads.of(ip, place);
            REQUIRE(l != nullptr);
            REQUIRE(l->times == 0);
            ++l->times;
        }
        CHECK(loads.of(ip, place) == nullptr);
        unsigned known = 0;
        for (std::uintptr_t p = first; p < place; ++p)
            known += loads.of(ip, p)->times;
        CHECK(known == seen_loads::room);
    }
}

TEST_CASE("what was loaded in the last run is new in the next one")
{
    seen_loads loads;
    loads.of(ip, a_place)->times = 7;
    loads.forget();
    CHECK(loads.of(ip, a_place)->times == 0);
    CHECK(loads.of(ip, a_place)->address == 0);
}
