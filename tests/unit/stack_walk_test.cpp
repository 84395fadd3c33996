// SPDX-License-Identifier: MIT
//
// Stacks walked by rules that are told, in memory that is made up.
#include "exec/profile/learned_stacks.hpp"
#include "exec/unwind/stack_walk.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <vector>

using namespace nmisim::exec;

namespace {

constexpr std::uintptr_t word_bytes = sizeof(std::uintptr_t);
constexpr std::uintptr_t stack_at = 0x10000;
using code = frame_op::code;
using how = kept_register::how;

/// The return address lies `bytes` above the stack pointer; the frame pointer is the caller's own.
frame_rule by_stack_pointer(std::int64_t bytes)
{
    frame_rule r;
    r.known = true;
    r.frame = {{code::sp_plus, bytes + static_cast<std::int64_t>(word_bytes)}};
    r.ip = {how::in_memory, {{code::frame, 0}, {code::plus_number, -static_cast<std::int64_t>(word_bytes)}}};
    r.fp = {how::same, {}};
    return r;
}

frame_rule by_frame_pointer()
{
    frame_rule r = by_stack_pointer(0);
    r.by_frame_pointer = true;
    return r;
}

frame_rule outermost()
{
    frame_rule r = by_stack_pointer(0);
    r.is_outermost = true;
    return r;
}

struct told_stack {
    explicit told_stack(std::size_t words) : memory(words) {}
    std::uintptr_t at(std::size_t i) const { return stack_at + i * word_bytes; }
    walked_stack walk(std::size_t copied_words, std::uintptr_t fp = 0, std::size_t most = 10)
    {
        const std::span copy(reinterpret_cast<const std::byte*>(memory.data()), copied_words * word_bytes);
        return walk_stack({chain, stack_at, fp, {stack_at, copy}}, most, [&](std::uintptr_t ip) {
            const auto r = rules.find(ip);
            return r != rules.end() ? &r->second : nullptr;
        });
    }
    std::vector<std::uintptr_t> places(std::size_t copied_words, std::uintptr_t fp = 0)
    {
        std::vector<std::uintptr_t> all;
        for (const walked_place& p : walk(copied_words, fp).places)
            all.push_back(p.ip);
        return all;
    }

    std::vector<std::uintptr_t> memory;
    std::vector<std::uintptr_t> chain{0x100};
    std::map<std::uintptr_t, frame_rule> rules{
        {0x100, by_stack_pointer(2 * word_bytes)}, {0x1ff, by_stack_pointer(0)}, {0x2ff, outermost()}};
};

} // namespace

TEST_CASE("callers are found by rules in a copy of the stack; a return address is behind its call")
{
    told_stack s(8);
    s.memory = {1, 2, 0x200, 0x300, 5, 6, 7, 8};
    CHECK(s.places(8) == std::vector<std::uintptr_t>{0x100, 0x1ff, 0x2ff});
    const walked_stack w = s.walk(8);
    CHECK(w.is_whole);
    CHECK(w.read == 4 * word_bytes);
    CHECK(s.walk(8, 0, 2).places.size() == 2);
}

TEST_CASE("a copy that is too short ends the walk, and tells how much was needed")
{
    told_stack s(8);
    s.memory = {1, 2, 0x200, 0x300, 5, 6, 7, 8};
    const walked_stack w = s.walk(3);
    CHECK(w.places.size() == 2);
    CHECK(!w.is_whole);
    CHECK(w.read == 4 * word_bytes);
}

TEST_CASE("a stack that does not go up ends the walk")
{
    told_stack s(8);
    s.memory = {1, 2, 0x200, 0x300, 5, 6, 7, 8};
    s.rules[0x1ff].frame = {{code::sp_plus, 0}};
    CHECK(s.places(8) == std::vector<std::uintptr_t>{0x100, 0x1ff});
}

TEST_CASE("what lies in no code is no caller")
{
    told_stack s(8);
    s.memory = {1, 2, 0x4200, 0x300, 5, 6, 7, 8};
    CHECK(s.places(8) == std::vector<std::uintptr_t>{0x100});
    CHECK(!s.walk(8).is_whole);
}

TEST_CASE("a frame pointer that a function has saved is its caller's again")
{
    told_stack s(8);
    // 0x100 has saved the frame pointer in word 1; its caller at 0x1ff has one, which leads to words 4 and 5.
    s.memory = {1, s.at(4), 0x200, 4, 0, 0x300, 7, 8};
    s.rules[0x100].fp = {how::in_memory,
                         {{code::frame, 0}, {code::plus_number, -2 * static_cast<std::int64_t>(word_bytes)}}};
    s.rules[0x1ff] = by_frame_pointer();
    CHECK(s.places(8, 0xbad) == std::vector<std::uintptr_t>{0x100, 0x1ff, 0x2ff});
    s.rules[0x100].fp = {how::same, {}};
    CHECK(s.places(8, 0xbad) == std::vector<std::uintptr_t>{0x100, 0x1ff});
}

TEST_CASE("behind the copy, and where there are no rules, the chain of frame pointers goes on")
{
    told_stack s(0);
    s.chain = {0x100, 0x200, 0x300};
    s.rules[0x100] = by_frame_pointer();
    s.rules[0x1ff] = frame_rule{};
    CHECK(s.places(0, s.at(2)) == std::vector<std::uintptr_t>{0x100, 0x1ff, 0x2ff});
    CHECK(s.walk(0, s.at(2)).is_whole);
    s.rules[0x2ff] = frame_rule{}; // of which nobody knows more
    CHECK(s.walk(0, s.at(2)).is_whole);
    // Not where the frame pointer is another function's.
    s.rules[0x100] = by_stack_pointer(0);
    CHECK(s.places(0, s.at(2)) == std::vector<std::uintptr_t>{0x100});
    CHECK(!s.walk(0, s.at(2)).is_whole);
}

TEST_CASE("a signal's frame may lie on another stack, and has interrupted, not called")
{
    told_stack s(8);
    s.memory = {1, 2, 0x200, 4, stack_at - 64, 6, 7, 8};
    s.rules.erase(0x1ff);
    frame_rule signal;
    signal.known = signal.is_signal = true;
    signal.frame = {{code::sp_plus, static_cast<std::int64_t>(word_bytes)}, {code::loaded, 0}};
    signal.ip = {how::computed, {{code::number, 0x2ff}}};
    s.rules[0x1ff] = signal;
    const walked_stack w = s.walk(8);
    REQUIRE(w.places.size() == 3);
    CHECK(w.places[2].ip == 0x2ff);
}

TEST_CASE("an expression may count with the instruction's own address")
{
    // As a linker's jump table: 8 above, or 16 where its second instruction has run.
    told_stack s(8);
    s.memory = {0x200, 0x300, 0x200, 0x300, 5, 6, 7, 8};
    frame_rule& r = s.rules[0x10b] = by_stack_pointer(0);
    r.frame = {{code::sp_plus, 8}, {code::ip_plus, 0},      {code::number, 15},
               {code::both, 0},    {code::number, 11},      {code::is_at_least, 0},
               {code::number, 4},  {code::shifted_left, 0}, {code::plus, 0}};
    s.chain = {0x10b};
    s.rules[0x2ff] = by_stack_pointer(0);
    s.rules[0x1ff] = outermost();
    CHECK(s.places(8) == std::vector<std::uintptr_t>{0x10b, 0x1ff});
    s.rules[0x106] = r;
    s.chain = {0x106};
    s.memory = {0x300, 0x200, 0x300, 0x300, 5, 6, 7, 8};
    CHECK(s.places(8) == std::vector<std::uintptr_t>{0x106, 0x2ff, 0x1ff});
}

TEST_CASE("a stack is known where each frame pointer leads on, to one from where the way out is known")
{
    known_frames k;
    const std::uintptr_t ip[]{0x1000, 0x2001, 0x3001};
    CHECK(!k.know(ip, 3, false));
    k.learn(0x1000, known_frames::leads::by_frame_pointer);
    k.learn(0x3000, known_frames::leads::out);
    CHECK(!k.know(ip, 3, false));
    k.learn(0x2000, known_frames::leads::by_frame_pointer);
    CHECK(k.know(ip, 3, false));
    CHECK(!k.know(ip, 2, false));
    CHECK(k.know(ip, 2, true)); // as deep as a sample goes
    k.forget(0x3000);
    CHECK(!k.know(ip, 3, false));
}

namespace {

struct learning {
    /// As walked from a copy; the frame of each is left by the frame pointer, or not.
    void walk(std::vector<walked_place> places, bool is_whole = true)
    {
        learned.walked({std::move(places), is_whole, 100}, 8192, ways, known);
    }
    std::vector<std::uintptr_t> completed(std::vector<walked_place> places)
    {
        walked_stack w{std::move(places)};
        learned.was_known(w, ways, known);
        std::vector<std::uintptr_t> all;
        for (const walked_place& p : w.places)
            all.push_back(p.ip);
        return all;
    }
    bool is_known(std::vector<std::uintptr_t> places)
    {
        for (std::size_t i = 1; i < places.size(); ++i)
            ++places[i]; // return addresses
        return known.know(places.data(), static_cast<std::uint32_t>(places.size()), false);
    }

    known_frames known;
    learned_stacks learned;
    ways_out ways;
};

} // namespace

TEST_CASE("a way out is learned near the end of a stack, and put behind one that was known")
{
    learning l;
    l.walk({{1000, true}, {2000, true}, {3000, false}, {4000, false}, {5000, false}});
    CHECK(l.is_known({1000, 2000, 3000}));
    CHECK(l.completed({{1000, true}, {2000, true}, {3000, false}}) ==
          std::vector<std::uintptr_t>{1000, 2000, 3000, 4000, 5000});
    // Further from the end, a function may have been called by any other.
    l.walk({{1000, true},
            {2000, true},
            {6000, false},
            {7000, true},
            {3000, false},
            {4000, false},
            {5000, false}});
    CHECK(!l.is_known({1000, 2000, 6000}));
    // The interrupted instruction itself always has its stack copied, unless a frame pointer leads on.
    l.walk({{8000, false}, {4000, false}, {5000, false}});
    CHECK(!l.is_known({8000}));
    // A walk that was cut short teaches no way out.
    l.walk({{1000, true}, {9000, false}}, false);
    CHECK(!l.is_known({1000, 9000}));
}

TEST_CASE("what was learned and is not so everywhere is forgotten for good")
{
    learning l;
    l.walk({{1000, true}, {3000, false}, {4000, false}});
    CHECK(l.is_known({1000, 3000}));
    l.walk({{1000, true}, {3000, false}, {6000, false}});
    CHECK(!l.is_known({1000, 3000}));
    l.walk({{1000, true}, {3000, false}, {4000, false}});
    CHECK(!l.is_known({1000, 3000}));
}

TEST_CASE("a stack that was thought to be known, and was not, is copied from then on")
{
    learning l;
    l.walk({{1000, true}, {2000, true}, {3000, false}});
    CHECK(l.is_known({1000, 2000, 3000}));
    CHECK(l.completed({{1000, false}}) ==
          std::vector<std::uintptr_t>{1000}); // another program's, at that address
    CHECK(!l.is_known({1000, 2000, 3000}));
    l.walk({{1000, true}, {2000, true}, {3000, false}});
    CHECK(!l.is_known({1000, 2000, 3000}));
}

TEST_CASE("as much of a stack is copied as the last samples have needed")
{
    learning l;
    CHECK(l.known.copied_bytes() == most_copied);
    const walked_stack shallow{{{1000, true}}, true, 700};
    for (int i = 0; i < 100; ++i)
        l.learned.walked(shallow, most_copied, l.ways, l.known);
    CHECK(l.known.copied_bytes() >= 700);
    CHECK(l.known.copied_bytes() <= 2048);
    l.learned.walked({{{1000, true}}, false, 1500}, 1024, l.ways, l.known);
    CHECK(l.known.copied_bytes() == most_copied);
}
