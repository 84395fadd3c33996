// SPDX-License-Identifier: MIT
//
// Buffers, eras and what is lost.
#include "support/child.hpp"
#include "support/sampled_area.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>

using namespace nmisim::exec;

namespace {

/// With the trap flag: SIGTRAP behind each instruction.
void call_in_steps(mapped_area::handler h, siginfo_t* info, void* context)
{
    asm volatile("mov %%rsp, %%rbx; sub $128, %%rsp; and $-16, %%rsp;"
                 "pushfq; orq $0x100, (%%rsp); popfq;"
                 "call *%2;"
                 "pushfq; andq $-257, (%%rsp); popfq;"
                 "mov %%rbx, %%rsp"
                 : "+S"(info), "+d"(context)
                 : "r"(h)
                 : "rax", "rbx", "rcx", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3",
                   "xmm4", "xmm5", "xmm6", "xmm7", "cc", "memory");
}

/// What happens between two instructions of the sampler: at one of them an era ends.
struct ending_era {
    static constexpr std::size_t eras = 2; ///< each with the buffer of its number
    area_head* head = nullptr;
    unsigned ends_at = 0;
    unsigned steps = 0;
    bool taken[eras]{};
    bool counted[eras]{}; ///< in the buffer's era, when a slot was taken

    void begin(unsigned at)
    {
        ends_at = at;
        steps = 0;
        for (std::size_t e = 0; e < eras; ++e) {
            head->cursors[e].next.store(0);
            taken[e] = false;
        }
        head->published.store(word_of({1, 0, 0}));
    }
    void step()
    {
        if (steps++ == ends_at)
            head->published.store(word_of({2, 1, 1}));
        for (std::size_t e = 0; e < eras; ++e)
            if (!taken[e] && head->cursors[e].next.load() != 0) {
                taken[e] = true;
                counted[e] = inside(e);
            }
    }
    bool inside(std::size_t era) const
    {
        const auto& lines = head->eras[era].readers().lines;
        return std::any_of(lines.begin(), lines.end(), [](const auto& line) {
            return line.inside[0].load() != 0 || line.inside[1].load() != 0;
        });
    }
};
ending_era the_era;

} // namespace

TEST_CASE("a sample is seen when its buffer has been swapped out, once")
{
    sampled s;
    s.program.interrupt(7, 0x1234);
    s.turn();
    CHECK(s.seen.stacks.empty());
    s.program.interrupt(8, 0x5678);
    s.turn();
    CHECK(s.seen.clocks == std::vector{7});
    for (int i = 0; i < 40; ++i)
        s.turn();
    s.finish();
    CHECK(s.seen.clocks == std::vector{7, 8});
    CHECK(s.seen.stacks == std::vector<std::vector<std::uintptr_t>>{{0x1234}, {0x5678}});
    CHECK(s.area.counts().lost() == 0);
    CHECK(s.area.counts().eras == 1);
}

TEST_CASE("a signal that no clock has sent is no sample")
{
    sampled s;
    s.program.interrupt(7, 0x1234, 0, 0, SI_USER);
    s.program.interrupt(7, 0x1234, 0, 0, SI_QUEUE);
    s.finish();
    CHECK(s.seen.stacks.empty());
}

TEST_CASE("a buffer is not drained while a handler is inside that may write to it")
{
    sampled s;
    s.program.interrupt(1, 0x1000);
    auto& inside = s.stays_inside();
    for (int i = 0; i < 5; ++i)
        s.turn();
    CHECK(s.seen.stacks.empty());
    CHECK(s.area.counts().swaps == 1); // the room is not needed
    nmisim::rcu::leave_section<sampler_platform, nmisim::rcu::srcu_orders>(inside);
    s.turn();
    CHECK(s.seen.clocks == std::vector{1});
}

TEST_CASE("where buffers run out, the published one stays so; one is left for the next era")
{
    sampled s;
    s.stays_inside();
    const std::uint32_t half = s.program.head().slots / 2 + 1;
    for (std::size_t i = 0; i < sample_buffers; ++i) {
        for (std::uint32_t j = 0; j < half; ++j)
            s.program.interrupt(1, 0x1000);
        s.turn();
    }
    CHECK(s.seen.clocks.empty());
    s.finish();
    CHECK(s.area.counts().no_room == 2); // two halves in the last one but one
    CHECK(s.area.counts().lost() == 2);
    CHECK(s.seen.clocks.size() == sample_buffers * half - 2);
}

TEST_CASE("a grace period takes as long as it takes where no thread has ended")
{
    sampled s(most_frames, 0);
    s.last_death_ns = 0;
    s.program.interrupt(1, 0x1000);
    auto& inside = s.stays_inside();
    for (int i = 0; i < 5; ++i)
        s.turn();
    CHECK(s.area.counts().eras == 1);
    CHECK(s.seen.clocks.empty());
    nmisim::rcu::leave_section<sampler_platform, nmisim::rcu::srcu_orders>(inside);
    s.turn();
    CHECK(s.seen.clocks == std::vector{1});
}

TEST_CASE("a handler whose process was killed costs an era, and the profile goes on")
{
    sampled s(most_frames, 0);
    s.program.interrupt(1, 0x1000);
    s.stays_inside();
    s.turn();
    s.turn(); // begins another era
    CHECK(s.area.counts().eras == 2);
    s.program.interrupt(2, 0x1000);
    s.turn();
    s.turn();
    // The one of the lost era may still be written to.
    CHECK(s.seen.clocks == std::vector{2});
    s.finish();
    std::vector<int> clocks = s.seen.clocks;
    std::sort(clocks.begin(), clocks.end());
    CHECK(clocks == std::vector{1, 2});
}

TEST_CASE("where an era ends while a handler begins, the handler takes a buffer of the era where it counts")
{
    const auto seen = nmisim::test::in_child(60, [] {
        sampled s;
        the_era.head = &s.program.head();
        s.program.call = call_in_steps;
        struct sigaction action {};
        action.sa_handler = [](int) { the_era.step(); };
        sigaction(SIGTRAP, &action, nullptr);
        unsigned samples[ending_era::eras]{};
        for (unsigned at = 0;; ++at) {
            the_era.begin(at);
            s.program.interrupt(1, 0x1000);
            if (the_era.taken[0] == the_era.taken[1])
                return fmt::format("step {}: no sample, or two", at);
            const std::size_t era = the_era.taken[0] ? 0 : 1;
            if (!the_era.counted[era])
                return fmt::format("step {}: in a buffer of era {}, and not counted there", at, era);
            ++samples[era];
            if (the_era.steps <= at)
                break;
        }
        return std::string(samples[0] != 0 && samples[1] != 0 ? "" : "only one era had samples");
    });
    CHECK(seen.exited);
    CHECK(seen.text == "");
}

TEST_CASE("eras are bounded: the last one is not given up, and samples that find no room are counted")
{
    sampled s(most_frames, 0);
    for (std::size_t i = 0; i < 2 * sampler_eras; ++i) {
        s.stays_inside();
        for (int j = 0; j < 4; ++j) {
            s.program.interrupt(1, 0x1000);
            s.turn();
            REQUIRE(s.area.counts().eras <= sampler_eras);
        }
    }
    s.finish();
    CHECK(s.area.counts().eras > 2);
    CHECK(s.area.counts().taken == 8 * sampler_eras);
    CHECK(s.area.counts().lost() == 0);
}

TEST_CASE("what a killed handler has not written to its end is counted as cut off")
{
    sampled s;
    s.program.interrupt(1, 0x1000);
    s.program.head().cursors[published_in(s.program.head().published.load()).buffer].next.fetch_add(1);
    s.finish();
    CHECK(s.seen.clocks == std::vector{1});
    CHECK(s.area.counts().cut_off == 1);
}

TEST_CASE("a sample of a buffer's life before is no sample")
{
    sampled s;
    auto& head = s.program.head();
    const std::uint16_t first = published_in(head.published.load()).buffer;
    s.program.interrupt(1, 0x1000);
    while (s.seen.clocks.empty() || published_in(head.published.load()).buffer != first)
        s.turn();
    head.cursors[first].next.store(1); // reserved, and killed before it was written
    s.finish();
    CHECK(s.seen.clocks == std::vector{1});
    CHECK(s.area.counts().cut_off == 1);
}

TEST_CASE("a sample that finds no room is counted")
{
    sampled s;
    const std::uint32_t slots = s.program.head().slots;
    for (std::uint32_t i = 0; i < slots + 3; ++i)
        s.program.interrupt(1, 0x1000);
    s.finish();
    CHECK(s.area.counts().taken == slots);
    CHECK(s.area.counts().no_room == 3);
    CHECK(s.program.slot_behind(0).generation.load() == 0); // of the next buffer
}
