// SPDX-License-Identifier: MIT
//
// How often a load gave the same value is counted for each alone, wherever they lie.
#include "explore/memory/seen_loads.hpp"
#include "support/catch2.hpp"

using namespace nmisim::explore;

namespace {

constexpr std::uintptr_t ip = 0x401000;
constexpr std::uintptr_t a_place = 0x7000;

std::size_t begins_at(std::uintptr_t ip_of_it, std::uintptr_t place_of_it)
{
    return mixed(ip_of_it, place_of_it) % seen_loads::room;
}
std::uintptr_t another_place()
{
    std::uintptr_t other = a_place + 1;
    while (begins_at(ip, other) != begins_at(ip, a_place))
        ++other;
    return other;
}
std::uintptr_t another_ip()
{
    std::uintptr_t other = ip + 1;
    while (begins_at(other, a_place) != begins_at(ip, a_place))
        ++other;
    return other;
}

} // namespace

TEST_CASE("loads that begin at the same place of the table are counted apart")
{
    static seen_loads loads;
    const std::uintptr_t other_place = another_place();
    const std::uintptr_t other_ip = another_ip();
    for (unsigned times = 0; times < 3; ++times)
        for (seen_load* l :
             {&loads.of(ip, a_place), &loads.of(ip, other_place), &loads.of(other_ip, a_place)}) {
            CHECK(l->times == times);
            ++l->times;
        }

    loads.forget();
    CHECK(loads.of(ip, other_place).times == 0);
    CHECK(loads.of(ip, a_place).times == 0);
}

TEST_CASE("more loads than there is room for begin again")
{
    static seen_loads loads;
    for (std::uintptr_t p = 1; p <= seen_loads::room + 1; ++p)
        ++loads.of(ip, p).times;
    unsigned known = 0;
    for (std::uintptr_t p = 1; p <= seen_loads::room; ++p)
        known += loads.of(ip, p).times != 0 ? 1U : 0U;
    CHECK(known >= seen_loads::room / 2); // each that has no room takes that of another
    CHECK(loads.of(ip, 2 * seen_loads::room).times == 0);
}
