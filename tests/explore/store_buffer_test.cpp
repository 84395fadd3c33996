// SPDX-License-Identifier: MIT
//
// The store buffer alone, over ordinary memory; and the watch's look at what the disassembler calls "only read".
#include "explore/memory/memory_watch.hpp"
#include "support/catch2.hpp"

#include <cstring>

using namespace nmisim::explore;

namespace {

std::uintptr_t at(const void* p)
{
    return reinterpret_cast<std::uintptr_t>(p);
}

/// A store by the thread that the buffer belongs to.
template <class T>
void store(store_buffer& b, T& to, T value)
{
    REQUIRE(b.push(at(&to), sizeof to, 1));
    to = value;
    b.settle();
}

std::uint64_t word;
std::uint64_t second;

} // namespace

TEST_CASE("what waits in a store buffer is not seen outside, and is there again inside")
{
    store_buffer b;
    word = 7;
    store(b, word, std::uint64_t{8});
    b.take_out(0);
    CHECK(word == 7);
    CHECK(b.count() == 1);
    b.put_in();
    CHECK(word == 8);
}

TEST_CASE("two stores to one place are taken out newest first")
{
    store_buffer b;
    word = 0;
    store(b, word, std::uint64_t{1});
    store(b, word, std::uint64_t{2});
    b.take_out(0);
    CHECK(word == 0);
    b.put_in();
    CHECK(word == 2);
    b.take_out(1);
    CHECK(word == 1);
}

TEST_CASE("a half that is stored over a waiting word is taken out alone")
{
    store_buffer b;
    word = 0;
    store(b, word, std::uint64_t{0x1111111111111111});
    std::uint32_t half = 0;
    REQUIRE(b.push(at(&word), sizeof half, 2));
    half = 0x22222222;
    std::memcpy(&word, &half, sizeof half);
    b.settle();
    b.take_out(1);
    CHECK(word == 0x1111111111111111);
    b.put_in();
    CHECK(word == 0x1111111122222222);
}

TEST_CASE("what the other thread stored meanwhile is below a store that drains later")
{
    store_buffer b;
    word = 0;
    store(b, word, std::uint64_t{1});
    b.take_out(0);
    word = 5; // the other thread
    b.put_in();
    CHECK(word == 1);
    b.take_out(0);
    CHECK(word == 5);
    b.drain_outside();
    CHECK(word == 1);
    CHECK(b.count() == 0);
}

TEST_CASE("the oldest one of three drains, and the others go on waiting in their order")
{
    store_buffer b;
    word = second = 0;
    store(b, word, std::uint64_t{1});
    store(b, second, std::uint64_t{2});
    store(b, word, std::uint64_t{3});
    b.take_out(1);
    CHECK(word == 1);
    CHECK(second == 0);
    CHECK(b.count() == 2);
    b.put_in();
    CHECK(word == 3);
    CHECK(second == 2);
    b.take_out(1);
    CHECK(word == 1);
    CHECK(second == 2);
}

TEST_CASE("neighbouring bytes are not touched")
{
    store_buffer b;
    unsigned char bytes[4] = {1, 2, 3, 4};
    store(b, bytes[1], static_cast<unsigned char>(9));
    b.take_out(0);
    bytes[0] = bytes[2] = 8; // the other thread
    b.put_in();
    CHECK(bytes[0] == 8);
    CHECK(bytes[1] == 9);
    CHECK(bytes[2] == 8);
}

TEST_CASE("a load that the buffer answers overtakes nothing; one that it answers in part does")
{
    store_buffer b;
    word = second = 0;
    store(b, word, std::uint64_t{1});
    b.load(at(&word), 2, 3);
    CHECK(b[0].overtaken_by == 0);
    b.load(at(&second), 8, 4);
    b.load(at(&second), 8, 5);
    CHECK(b[0].overtaken_by == 4);
    CHECK(b[0].load_address == at(&second));
    store_buffer c;
    unsigned char bytes[8] = {};
    store(c, bytes[0], static_cast<unsigned char>(9));
    c.load(at(bytes), sizeof bytes, 6);
    CHECK(c[0].overtaken_by == 6);
}

TEST_CASE("a store buffer says when it is full, and when a store is too long")
{
    store_buffer b;
    for (unsigned i = 0; i < store_buffer::capacity; ++i)
        REQUIRE(b.push(at(&word), sizeof word, 1));
    CHECK_FALSE(b.push(at(&word), sizeof word, 1));
    b.empty();
    CHECK_FALSE(b.push(at(&word), waiting_store::most_bytes + 1, 1));
}

TEST_CASE("an operand that changes though the disassembler calls it only read is told")
{
    const bool lies = GENERATE(false, true);
    code_table code;
    instruction i;
    i.ip = 0x1000;
    i.operands = 1;
    i.operand[0].displacement = static_cast<std::int64_t>(at(&word));
    i.operand[0].size = sizeof word;
    i.operand[0].reads = true;
    i.operand[0].writes = !lies;
    code.add(i)->seen[0] = true;
    memory_watch watch(code, 0, false);
    watch.begin(true, 0);
    ucontext_t here{};
    arch::set_ip(here, i.ip);
    CHECK(watch.before(here) == instruction_watch::next::go_on);
    ++word;
    arch::set_ip(here, i.ip + 4);
    watch.before(here);
    CHECK(watch.wrong_flag() == (lies ? i.ip : 0));
}
