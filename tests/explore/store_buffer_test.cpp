// SPDX-License-Identifier: MIT
//
// The parts alone, over ordinary memory: the store buffer, where values come from, what is decoded, what system calls
// touch, and the watch's look at what the disassembler calls "only read".
#include "explore/memory/memory_watch.hpp"
#include "support/catch2.hpp"

#include <cstring>
#include <initializer_list>
#include <string_view>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

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

TEST_CASE("two stores to one place are taken out newest first, and are there again inside")
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

#ifdef __x86_64__
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
    code.add(i)->use.seen[0] = true;
    origins values;
    sleepers others;
    memory_watch watch(code, values, others, 0, false);
    watch.begin(true, 0);
    ucontext_t here{};
    arch::set_ip(here, i.ip);
    CHECK(watch.before(here) == instruction_watch::next::go_on);
    ++word;
    arch::set_ip(here, i.ip + 4);
    watch.before(here);
    CHECK(watch.wrong_flag() == (lies ? i.ip : 0));
}

TEST_CASE("more different loads in one run than are kept are told, and each run begins with room for them")
{
    const bool one_too_many = GENERATE(false, true);
    code_table code;
    origins values;
    sleepers others;
    memory_watch watch(code, values, others, 0, false);
    for (int run = 0; run < 2; ++run) {
        watch.begin(true, 0);
        for (std::size_t n = 0; n < seen_loads::room + (one_too_many ? 1 : 0); ++n) {
            instruction i;
            i.ip = 0x1000 + 0x100000 * static_cast<std::uintptr_t>(run) + 4 * n;
            i.operands = 1;
            i.operand[0].displacement = static_cast<std::int64_t>(at(&word));
            i.operand[0].size = sizeof word;
            i.operand[0].reads = true;
            code.add(i)->use.seen[0] = true;
            ucontext_t here{};
            arch::set_ip(here, i.ip);
            watch.before(here);
        }
    }
    if (one_too_many)
        CHECK(std::string_view(watch.not_covered().why) == "more loads than are kept");
    else
        CHECK(watch.not_covered().why == nullptr);
}

namespace {

instruction decoded(std::initializer_list<unsigned char> bytes)
{
    code_bytes code;
    for (const unsigned char b : bytes)
        code.byte[code.size++] = b;
    instruction i;
    REQUIRE(decode(0x1000, code, i));
    return i;
}

struct encoded {
    const char* text;
    std::initializer_list<unsigned char> bytes;
};

} // namespace

TEST_CASE("an instruction whose address cannot be computed is told wherever it is")
{
    if (*decoding_absent() != 0)
        return;
    for (const encoded& e : std::initializer_list<encoded>{
             {"mov %ecx, %gs:(%rax)", {0x65, 0x89, 0x08}},
             {"mov %ecx, (%eax)", {0x67, 0x89, 0x08}},
             {"addr32 rep stos", {0x67, 0xf3, 0xab}},
             {"bts %rax, (%rdi)", {0x48, 0x0f, 0xab, 0x07}},
             {"vpgatherdd %ymm3, (%rax, %ymm2, 4), %ymm1", {0xc4, 0xe2, 0x65, 0x90, 0x0c, 0x90}},
             {"vpscatterdd %zmm1, (%rdi, %zmm0, 4){%k1}", {0x62, 0xf2, 0x7d, 0x49, 0xa0, 0x0c, 0x87}},
             {"maskmovdqu %xmm1, %xmm0", {0x66, 0x0f, 0xf7, 0xc1}},
             {"enter", {0xc8, 0x10, 0x00, 0x00}},
         }) {
        INFO(e.text);
        const instruction i = decoded(e.bytes);
        CHECK(i.refused != nullptr);
        CHECK(i.operands == 0);
    }
}

TEST_CASE("an instruction that touches nobody knows how much is told where that is shared")
{
    if (*decoding_absent() != 0)
        return;
    for (const encoded& e : std::initializer_list<encoded>{
             {"xsavec (%rdi)", {0x0f, 0xc7, 0x27}},
             {"fxsave (%rdi)", {0x0f, 0xae, 0x07}},
             {"vmaskmovps %ymm0, %ymm1, (%rdi)", {0xc4, 0xe2, 0x75, 0x2e, 0x07}},
             {"vmovdqu8 %ymm0, (%rdi){%k1}", {0x62, 0xf1, 0x7f, 0x29, 0x7f, 0x07}},
             {"vmovdqu8 (%rsi), %ymm0{%k1}{z}", {0x62, 0xf1, 0x7f, 0xa9, 0x6f, 0x06}},
         }) {
        INFO(e.text);
        const instruction i = decoded(e.bytes);
        CHECK(i.refused != nullptr);
        REQUIRE(i.operands == 1);
        CHECK(i.operand[0].reads);
        CHECK(i.operand[0].writes);
        CHECK(i.operand[0].size == 4096);
    }
    CHECK(decoded({0x67, 0xe8, 0, 0, 0, 0}).refused == nullptr); // addr32 call, as linkers write it
    CHECK(decoded({0x0f, 0xc3, 0x07}).non_temporal);             // movnti
}

TEST_CASE("a jump or call through a register or memory may go elsewhere next time")
{
    if (*decoding_absent() != 0)
        return;
    CHECK(decoded({0xff, 0xd0}).indirect);             // call *%rax
    CHECK(decoded({0xff, 0x10}).indirect);             // call *(%rax)
    CHECK(decoded({0xff, 0x15, 0, 0, 0, 0}).indirect); // call *0(%rip)
    CHECK(decoded({0xff, 0x25, 0, 0, 0, 0}).indirect); // jmp *0(%rip)
    CHECK_FALSE(decoded({0xe8, 0, 0, 0, 0}).indirect); // call
    CHECK_FALSE(decoded({0x48, 0x8b, 0x00}).indirect); // mov (%rax), %rax
}
#endif

TEST_CASE("a system call that touches more than is known here is told")
{
    const auto known = [](long nr, long a0, long a1) {
        arch::system_call c{};
        c.nr = nr;
        c.arg[0] = a0;
        c.arg[1] = a1;
        return accesses_of(c).known;
    };
    CHECK(known(SYS_futex, 8, FUTEX_WAIT_PRIVATE));
    CHECK(known(SYS_futex, 8, FUTEX_WAKE));
    CHECK(known(SYS_futex, 8, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME));
    CHECK_FALSE(known(SYS_futex, 8, FUTEX_WAKE_OP));
    CHECK_FALSE(known(SYS_futex, 8, FUTEX_LOCK_PI_PRIVATE));
    CHECK_FALSE(known(SYS_futex, 8, FUTEX_CMP_REQUEUE_PRIVATE));
    CHECK(known(SYS_tgkill, getpid(), gettid()));
    CHECK_FALSE(known(SYS_tgkill, getpid(), gettid() + 1));
    CHECK(known(SYS_ppoll, 0, 0));
    CHECK_FALSE(known(SYS_ppoll, 8, 1));
    CHECK_FALSE(known(SYS_mmap, 0, 0));
}
