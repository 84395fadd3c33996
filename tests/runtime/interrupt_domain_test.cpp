// SPDX-License-Identifier: MIT
//
// The grace periods of one domain, one step at a time; the thread table; and a raise on a line.
#include "runtime/domain.hpp"
#include "runtime/entry/held_block.hpp"
#include "runtime/entry/send_on.hpp"
#include "runtime/thread_table.hpp"
#include "support/catch2.hpp"

#include <array>
#include <cerrno>
#include <memory>

using namespace nmisim::runtime;
using nmisim::raise_result;

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
        CHECK(block.raises == 1);
    }
    table->remove(block, 5);
    table->insert(block, 6);
    const held_block late(found, 5, nullptr);
    CHECK(late.get() == nullptr);
    CHECK(block.raises == 0);
}

namespace {

/// A raise whose signal comes to `error`. Meanwhile `elsewhere` may happen to the line.
struct fake_way {
    line& of;
    bool latch;
    bool room;
    int error;
    void (*elsewhere)(line&);
    bool latching() const noexcept { return latch; }
    bool has_room(std::uint64_t) const noexcept { return room; }
    int send() const noexcept
    {
        elsewhere(of);
        return error;
    }
    static raise_result refused(int) noexcept { return raise_result::rejected; }
};

} // namespace

TEST_CASE("what the kernel refuses to send is taken back, unless another signal has been taken for it",
          "[domain]")
{
    const bool latch = GENERATE(false, true);
    CAPTURE(latch);
    line l;
    const auto nothing = [](line&) {};
    const auto taken = [](line& of) { (void)of.take_latch(); };
    CHECK(send_on(l, fake_way{l, latch, true, EAGAIN, nothing}) == raise_result::rejected);
    CHECK((l.sent == 0 && l.pending == 0));
    CHECK(send_on(l, fake_way{l, latch, false, 0, nothing}) == raise_result::full);
    CHECK(l.sent == 0);
    l.pending = 0; // who has a bound has no latch
    CHECK(send_on(l, fake_way{l, latch, true, EAGAIN, taken}) ==
          (latch ? raise_result::raised : raise_result::rejected));
    CHECK(l.sent == (latch ? 1u : 0u));
    CHECK(send_on(l, fake_way{l, latch, true, 0, nothing}) == raise_result::raised);
    CHECK(send_on(l, fake_way{l, latch, true, 0, nothing}) ==
          (latch ? raise_result::coalesced : raise_result::raised));
    CHECK(l.coalesced == (latch ? 1u : 0u));
}

TEST_CASE("a line is held while somebody sends, and a raise that was none is not counted", "[domain]")
{
    line l;
    l.open(5);
    {
        held_line held(l, line::one_raise);
        CHECK(held.tid() == 5);
        l.refuse_raises();
        CHECK(held.tid() == 0);
        CHECK(l.is_held());
        CHECK(l.raised() == 1);
        held.was_no_raise();
    }
    CHECK_FALSE(l.is_held());
    CHECK(l.raised() == 0);
}
