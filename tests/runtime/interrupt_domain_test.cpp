// SPDX-License-Identifier: MIT
//
// The grace periods of one domain, one step at a time; and the thread table.
#include "runtime/domain.hpp"
#include "runtime/entry/held_block.hpp"
#include "runtime/thread_table.hpp"
#include "support/catch2.hpp"

#include <array>
#include <memory>

using namespace nmisim::runtime;

TEST_CASE("an idle domain's grace period is over at once", "[domain]")
{
    domain d;
    for (int i = 0; i < 5; ++i)
        CHECK(d.ended(d.start_poll()));
}

TEST_CASE("a grace period waits for a section in either phase, whenever it began", "[domain]")
{
    domain d;
    const int earlier = GENERATE(0, 1, 2, 3);
    for (int i = 0; i < earlier; ++i)
        (void)d.ended(d.start_poll()); // an odd number of steps each: the phase changes
    const domain::mark inside = d.enter();
    const domain::cookie c = d.start_poll();
    for (int i = 0; i < 5; ++i)
        CHECK_FALSE(d.ended(c));
    d.exit(inside);
    CHECK(d.ended(c));
}

TEST_CASE("sections in both phases are waited for", "[domain]")
{
    domain d;
    const domain::mark first = d.enter();
    (void)d.ended(d.start_poll()); // one step: the other phase is empty
    const domain::mark second = d.enter();
    const domain::cookie c = d.start_poll();
    d.exit(first);
    CHECK_FALSE(d.ended(c));
    d.exit(second);
    CHECK(d.ended(c));
}

TEST_CASE("sections that begin again and again do not keep a grace period from ending", "[domain]")
{
    domain d;
    domain::mark inside = d.enter();
    const domain::cookie c = d.start_poll();
    bool ended = false;
    for (int i = 0; i < 10 && !ended; ++i) {
        const domain::mark next = d.enter(); // at any time somebody is inside
        d.exit(inside);
        inside = next;
        ended = d.ended(c);
    }
    CHECK(ended);
    d.exit(inside);
}

TEST_CASE(
    "a domain that was reset in a child waits for nobody, and an older section's end is none of its own",
    "[domain]")
{
    domain d;
    const domain::mark older = d.enter();
    d.reset();
    CHECK(d.ended(d.start_poll()));
    d.exit(older);
    CHECK(d.ended(d.start_poll()));
}

TEST_CASE("blocks are found by tid, also where tids share a chain, until they are removed", "[domain]")
{
    const auto table = std::make_unique<thread_table>();
    std::array<thread_block, 3> blocks;
    const std::array<pid_t, 3> tids{5, 5 + 1024, 5 + 2048};
    for (std::size_t i = 0; i < blocks.size(); ++i)
        table->insert(blocks[i], tids[i]);
    for (std::size_t i = 0; i < blocks.size(); ++i)
        CHECK(table->find(tids[i]) == &blocks[i]);
    table->remove(blocks[1], tids[1]);
    blocks[1].tid = 0;
    CHECK(table->find(tids[0]) == &blocks[0]);
    CHECK(table->find(tids[1]) == nullptr);
    CHECK(table->find(tids[2]) == &blocks[2]);
    CHECK(table->find(6) == nullptr);
}

TEST_CASE("a block that changed hands between the search and the hold is nobody's to raise on", "[domain]")
{
    const auto table = std::make_unique<thread_table>();
    thread_block block;
    table->insert(block, 5);
    thread_block* const found = table->find(5);
    {
        const held_block held(found, 5, nullptr);
        CHECK(held.get() == &block);
        CHECK(block.raisers == 1);
    }
    table->remove(block, 5);
    table->insert(block, 6);
    const held_block late(found, 5, nullptr);
    CHECK(late.get() == nullptr);
    CHECK(block.raisers == 0);
}
