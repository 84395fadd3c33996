// SPDX-License-Identifier: MIT
//
// Steps that the handler makes, against the same instructions run by the processor.
#include "base/clock.hpp"
#include "code.hpp"
#include "explore/decode/instruction_x86_64.hpp"
#include "explore/decode/plain_x86_64.hpp"
#include "explore/place/objects.hpp"
#include "explore/step/arch.hpp"
#include "explore/step/breakpoint.hpp"
#if defined(__x86_64__)
#include "explore/step/x86_64/out_of_line.hpp"
#endif
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <initializer_list>
#include <map>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/time.h>
#include <unistd.h>

using namespace nmisim;
using namespace nmisim::explore;

namespace {

using kind = plain_instruction::kind;

x86_registers some_registers()
{
    x86_registers regs;
    for (std::size_t i = 0; i < regs.r.size(); ++i)
        regs.r[i] = 0x10'0000 * (i + 1);
    return regs;
}

constexpr std::uint64_t thread_begin = 0x7000'0000;

plain_instruction plain(const std::vector<int>& of)
{
    return plain_x86_64(0x1000, some_registers(), thread_begin, bytes(of));
}

} // namespace

TEST_CASE("a plain instruction touches the memory that it names")
{
    struct one {
        std::vector<int> code;
        std::uint64_t address;
        unsigned width;
        bool reads, writes;
    };
    for (const one& o : std::initializer_list<one>{
             {{0x48, 0x8b, 0x05, 0x10, 0, 0, 0}, 0x1017, 8, true, false},             // mov 0x10(%rip), %rax
             {{0x89, 0x45, 0xfc}, 0x60'0000 - 4, 4, false, true},                     // mov %eax, -4(%rbp)
             {{0x64, 0x48, 0x89, 0x45, 0}, thread_begin + 0x60'0000, 8, false, true}, // mov %rax, %fs:0(%rbp)
             {{0x64, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0},
              thread_begin + 0x10,
              4,
              true,
              false},                                                     // mov %fs:0x10, %eax
             {{0x4c, 0x8b, 0x7c, 0x88, 0x08}, 0x90'0008, 8, true, false}, // mov 8(%rax,%rcx,4), %r15
             {{0x4a, 0x89, 0x14, 0xe5, 0, 1, 0, 0},
              8 * 0xd0'0000 + 0x100,
              8,
              false,
              true},                                                               // mov %rdx, 0x100(,%r12,8)
             {{0x49, 0x8b, 0x04, 0x24}, 0xd0'0000, 8, true, false},                // mov (%r12), %rax
             {{0x41, 0x8b, 0x45, 0x00}, 0xe0'0000, 4, true, false},                // mov 0(%r13), %eax
             {{0x48, 0xc7, 0x47, 0x20, 2, 0, 0, 0x80}, 0x80'0020, 8, false, true}, // movq $..., 0x20(%rdi)
             {{0x48, 0x83, 0x05, 0x10, 0, 0, 0, 1}, 0x1018, 8, true, true},        // addq $1, 0x10(%rip)
             {{0x83, 0x3d, 0x10, 0, 0, 0, 1}, 0x1017, 4, true, false},             // cmpl $1, 0x10(%rip)
             {{0x66, 0xff, 0x08}, 0x10'0000, 2, true, true},                       // decw (%rax)
             {{0x0f, 0xb7, 0x08}, 0x10'0000, 2, true, false},                      // movzwl (%rax), %ecx
             {{0x66, 0x0f, 0xbe, 0x08}, 0x10'0000, 1, true, false},                // movsbw (%rax), %cx
             {{0x48, 0x63, 0x08}, 0x10'0000, 4, true, false},                      // movslq (%rax), %rcx
             {{0x0f, 0x94, 0x00}, 0x10'0000, 1, false, true},                      // sete (%rax)
             {{0xf7, 0x20}, 0x10'0000, 4, true, false},                            // mull (%rax)
         }) {
        INFO("of " << o.code.size() << " bytes, the last " << o.code.back());
        const plain_instruction i = plain(o.code);
        CHECK(i.what == kind::calculate);
        CHECK(i.size == o.code.size());
        CHECK(i.address == o.address);
        CHECK(i.width == o.width);
        CHECK(i.reads == o.reads);
        CHECK(i.writes == o.writes);
    }
    CHECK(plain({0xe8, 0x10, 0, 0, 0}).address == 0x1015); // call
    CHECK(plain({0x41, 0xff, 0xd4}).address == 0xd0'0000); // call *%r12
    CHECK(plain({0x41, 0xff, 0xd4}).what == kind::call);
    CHECK(plain({0xff, 0xe0}).what == kind::jump);                       // jmp *%rax
    CHECK(plain({0xff, 0x60, 0x08}).what == kind::jump_loaded);          // jmp *8(%rax)
    CHECK(plain({0xff, 0x15, 0x10, 0, 0, 0}).what == kind::call_loaded); // call *0x10(%rip)
    CHECK(plain({0xff, 0x15, 0x10, 0, 0, 0}).address == 0x1016);
    CHECK(plain({0x48, 0x8d, 0x05, 0x10, 0, 0, 0}).address == 0x1017); // lea 0x10(%rip), %rax
    CHECK(plain({0x8d, 0x40, 0xff}).address == 0x0f'ffff);             // lea -1(%rax), %eax
    CHECK(plain({0x6a, 0xff}).constant == ~std::uint64_t{0});          // push $-1
    CHECK(plain({0xf3, 0x0f, 0x1e, 0xfa}).what == kind::nothing);      // endbr64
    CHECK(plain({0xf3, 0xc3}).what == kind::give_back);                // rep ret
    CHECK(plain({0xf2, 0xc3}).what == kind::give_back);                // bnd ret
    CHECK(plain({0xf2, 0x0f, 0x1f, 0x00}).what == kind::nothing);      // a NOP, whatever stands before it
}

TEST_CASE("what is no plain instruction is left to the processor")
{
    for (const std::vector<int>& other : std::initializer_list<std::vector<int>>{
             {0x67, 0x8b, 0x00},             // an address of 32 bits
             {0x65, 0x48, 0x8b, 0x00},       // segment gs
             {0x48, 0x87, 0x00},             // xchg is locked
             {0xf0, 0x48, 0x01, 0x00},       // lock add
             {0xf7, 0xf1},                   // div may trap
             {0xf6, 0xf9},                   // idiv
             {0xc7, 0x48, 0x08, 0, 0, 0, 0}, // no instruction
             {0xc7, 0xf8, 0, 0, 0, 0},       // xbegin
             {0x0f, 0x05},                   // syscall
             {0x0f, 0x0b},                   // ud2
             {0x0f, 0xa2},                   // cpuid
             {0x0f, 0x31},                   // rdtsc
             {0xcc},                         // int3
             {0xf4},                         // hlt
             {0x9d},                         // popf
             {0xf3, 0xa4},                   // rep movsb
             {0xa4},                         // movsb
             {0x0f, 0x28, 0xc1},             // movaps
             {0xf2, 0x0f, 0x10, 0x00},       // movsd
             {0xf2, 0x89, 0xc1},             // mov: the prefix is reserved
             {0xf2, 0x0f, 0xb6, 0xc1},       // movzbl: as above
             {0xf2, 0x0f, 0x1e, 0xfa},       // no endbr64
             {0xf3, 0x0f, 0xb8, 0xc1},       // popcnt
             {0xf3, 0x0f, 0xbc, 0xc1},       // tzcnt
             {0xf3, 0xf2, 0x0f, 0xbd, 0xc1}, // lzcnt, or not
             {0x0f, 0xa3, 0x08},             // bt reads what the register says, anywhere
             {0x0f, 0xc1, 0x08},             // xadd
             {0x0f, 0xb1, 0x08},             // cmpxchg
             {0xc5, 0xf8, 0x77},             // vzeroupper
             {0x66, 0x68, 0, 0},             // push of two bytes
             {0x66, 0x63, 0xc8},             // movsxd of two bytes: processors differ
             {0xff, 0x30},                   // push (%rax)
             {0x8f, 0x00},                   // pop (%rax)
             {0xc2, 8, 0},                   // ret $8
             {0x9b},                         // fwait
         }) {
        INFO("of " << other.size() << " bytes, the first " << other.front() << ", the last " << other.back());
        CHECK(plain(other).what == kind::none);
    }
    code_bytes short_of_code = bytes({0x48, 0x8b, 0x05, 0x10, 0});
    short_of_code.size = 5;
    CHECK(plain_x86_64(0x1000, {}, 0, short_of_code).what == kind::none);
}

namespace {

int look_at_the_end_of_a_page(void*)
{
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const two = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* const behind = static_cast<unsigned char*>(two) + page;
    if (two == MAP_FAILED || mprotect(behind, page, PROT_NONE) != 0)
        return 2;
    std::vector<int> push(12, 0x66); // of two bytes, 15 bytes long
    push.insert(push.end(), {0x68, 1, 2});
    auto* const code = new (behind - sizeof(code_bytes)) code_bytes(bytes(push));
    return plain_x86_64(0x1000, some_registers(), thread_begin, *code).what == kind::none ? 0 : 1;
}

} // namespace

TEST_CASE("nothing is read behind the bytes of an instruction")
{
    const child_result r = wait_child(start_child(look_at_the_end_of_a_page, nullptr));
    INFO(in_words(r));
    CHECK(r.end == child_end::finished);
}

#if defined(__x86_64__)

namespace {

constexpr std::array names{REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                           REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

constexpr std::size_t arena_size = 16 * 1024;
using arena = std::array<unsigned char, arena_size>;
alignas(4096) arena memory;

struct machine_code {
    code_bytes code;
    out_of_line::registers before;
};

ucontext_t context_of(const out_of_line::registers& regs)
{
    ucontext_t at{};
    for (std::size_t i = 0; i < names.size(); ++i)
        at.uc_mcontext.gregs[names[i]] = static_cast<greg_t>(regs.general.r[i]);
    at.uc_mcontext.gregs[REG_EFL] = static_cast<greg_t>(regs.flags);
    arch::set_ip(at, 0x1000);
    return at;
}

// Far from all that the tests write, as a handler's frames would be.
arch::interrupted me() noexcept
{
    return {gettid(), reinterpret_cast<std::uintptr_t>(memory.data()) + (1U << 30)};
}

// What differs between the instruction that the handler makes and the processor's own run of it; empty: nothing.
std::string difference(const machine_code& m)
{
    arena filled{};
    for (std::size_t i = 0; i < filled.size(); ++i)
        filled[i] = static_cast<unsigned char>(i * 37 + i / 256);
    memory = filled;
    out_of_line::registers by_processor = m.before;
    code_bytes alone = m.code; // without what follows it
    alone.size = decode_x86_64(m.code.byte.data(), m.code.size).size;
    if (!out_of_line::run(alone, by_processor))
        return "not run";
    const arena memory_by_processor = memory;
    memory = filled;
    ucontext_t at = context_of(m.before);
    if (!arch::make_step(at, m.code, me()))
        return "not made";
    std::string d;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (static_cast<std::uint64_t>(at.uc_mcontext.gregs[names[i]]) != by_processor.general.r[i])
            d += " register " + std::to_string(i);
    if (static_cast<std::uint64_t>(at.uc_mcontext.gregs[REG_EFL]) != by_processor.flags)
        d += " flags";
    if (memory != memory_by_processor)
        d += " memory";
    if (arch::ip(at) != 0x1000 + std::uintptr_t{alone.size})
        d += " place";
    return d;
}

bool is_prefix(int byte)
{
    constexpr std::array others{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    return (byte & 0xf0) == 0x40 || std::find(others.begin(), others.end(), byte) != others.end();
}

class made_up_code {
public:
    machine_code next()
    {
        static constexpr std::array<std::array<int, 2>, 12> prefixes{{{-1, -1},
                                                                      {0x66, -1},
                                                                      {0x48, -1},
                                                                      {0x4c, -1},
                                                                      {0x49, -1},
                                                                      {0x41, -1},
                                                                      {0x44, -1},
                                                                      {0x40, -1},
                                                                      {0x4d, -1},
                                                                      {0x66, 0x44},
                                                                      {0x42, -1},
                                                                      {0x4f, -1}}};
        std::vector<int> of;
        for (const int p : prefixes[any(prefixes.size())])
            if (p >= 0)
                of.push_back(p);
        const bool two = any(3) == 0;
        if (two)
            of.push_back(0x0f);
        int opcode = static_cast<int>(any(256));
        while (!two && is_prefix(opcode))
            opcode = static_cast<int>(any(256));
        of.push_back(opcode);
        if (any(8) == 0) { // base, index and scale
            of.push_back(static_cast<int>(any(3) << 6 | any(8) << 3 | 4));
            of.push_back(static_cast<int>(any(256)));
        } else {
            of.push_back(static_cast<int>(any(4) << 6 | any(8) << 3 | any(8)));
        }
        of.push_back(static_cast<int>(any(64))); // an address or a number; of four bytes a small one
        while (of.size() < code_bytes::longest)
            of.push_back(0);
        machine_code m{bytes(of), {}};
        const auto middle = reinterpret_cast<std::uint64_t>(memory.data()) + arena_size / 2;
        for (std::size_t i = 0; i < names.size(); ++i)
            m.before.general.r[i] = any(4) == 0 ? number() : middle + 8 * any(64);
        m.before.general.r[x86_registers::rsp] = middle + 8 * any(64);
        m.before.flags = 0x202 | (any(1U << 12) & 0x8d5);
        return m;
    }

private:
    std::size_t any(std::size_t below) { return random_() % below; }
    std::uint64_t number()
    {
        static constexpr std::array<std::uint64_t, 8> ends{
            0, 1, 0x7f, 0x80, 0x7fff'ffff, 0x8000'0000, 0x8000'0000'0000'0000, ~std::uint64_t{0}};
        return any(2) == 0 ? ends[any(ends.size())] : random_();
    }
    std::mt19937_64 random_{20051};
};

// Of its stack and its memory; where it goes on elsewhere no copy can be run.
bool can_be_compared(const plain_instruction& i)
{
    const auto inside = [](std::uint64_t address) {
        const auto begin = reinterpret_cast<std::uint64_t>(memory.data());
        return address >= begin + 64 && address < begin + arena_size - 64;
    };
    switch (i.what) {
    case kind::calculate: return i.width == 0 || inside(i.address);
    case kind::nothing:
    case kind::load_address:
    case kind::push:
    case kind::push_constant:
    case kind::pop: return true;
    default: return false;
    }
}

void by_breakpoints()
{
    prepare_breakpoints();
    arch::step_by_breakpoints(true);
}

} // namespace

TEST_CASE("an instruction that the handler makes does what the processor does, flags and memory too")
{
    by_breakpoints();
    made_up_code code;
    std::map<std::pair<bool, int>, int> tried; ///< two bytes or one, opcode
    std::size_t with_memory = 0;
    std::vector<std::string> wrong;
    for (int n = 0; n < 400'000; ++n) {
        const machine_code m = code.next();
        const bool of_rip = plain_x86_64(0x1000, m.before.general, 0, m.code).address !=
                            plain_x86_64(0x2000, m.before.general, 0, m.code).address;
        const plain_instruction i = plain_x86_64(0x1000, m.before.general, 0, m.code);
        if (of_rip || !can_be_compared(i))
            continue;
        std::size_t at = 0;
        while (m.code.byte[at] == 0x66 || (m.code.byte[at] & 0xf0) == 0x40)
            ++at;
        const bool two = m.code.byte[at] == 0x0f;
        ++tried[{two, m.code.byte[at + (two ? 1 : 0)]}];
        with_memory += i.width != 0 ? 1 : 0;
        if (const std::string d = difference(m); !d.empty() && wrong.size() < 20) {
            std::string text;
            for (std::size_t b = 0; b < i.size; ++b)
                text += " " + std::to_string(m.code.byte[b]);
            wrong.push_back(text + ":" + d);
        }
    }
    CHECK(wrong == std::vector<std::string>{});
    // 8 x 6 of arithmetic, shifts, moves, pushes and so on; CMOV, SETcc, MOVZX and their like
    CHECK(tried.size() > 150);
    for (const auto& [opcode, times] : tried) {
        INFO("opcode " << (opcode.first ? "0f " : "") << opcode.second);
        CHECK(times > 10);
    }
    CHECK(with_memory > 10'000);
}

TEST_CASE("what is run out of line is the instruction that is asked for, whichever have been before")
{
    by_breakpoints();
    std::mt19937_64 random(1);
    std::uint64_t expected = 0;
    out_of_line::registers regs{some_registers(), 0x202};
    const auto run = [&](std::vector<int> code) {
        code_bytes c;
        for (const int b : code)
            c.byte[c.size++] = static_cast<unsigned char>(b);
        REQUIRE(out_of_line::run(c, regs));
    };
    // Far more than are kept, alike in their first half or their second one, long before short; each at once again.
    for (int n = 0; n < 20'000; ++n) {
        const bool high = random() % 2 == 0;
        const auto little = static_cast<int>(random() % 256);
        const std::uint64_t constant = high ? std::uint64_t{0x1234'5678'9abc} | std::uint64_t(little) << 56
                                            : std::uint64_t{0x7654'3210'fedc'ba00} | std::uint64_t(little);
        std::vector<int> load{0x48, 0xb8}; // movabs $constant, %rax
        for (int i = 0; i < 8; ++i)
            load.push_back(static_cast<int>(constant >> 8 * i & 0xff));
        for (int twice = 0; twice < 2; ++twice) {
            run(load);
            expected = constant;
            CHECK(regs.general.r[x86_registers::rax] == expected);
            run({0x48, 0x83, 0xc0, little & 0x7f}); // add $little, %rax
            expected += static_cast<std::uint64_t>(little & 0x7f);
            CHECK(regs.general.r[x86_registers::rax] == expected);
            run({0x48, 0xff, 0xc0}); // inc %rax
            CHECK(regs.general.r[x86_registers::rax] == ++expected);
        }
    }
}

TEST_CASE("calls, jumps and returns that the handler makes go where they say, and leave on the stack what "
          "belongs there")
{
    by_breakpoints();
    memory = {};
    auto* const words = reinterpret_cast<std::uint64_t*>(memory.data());
    const auto stack = reinterpret_cast<std::uint64_t>(words + 100);
    out_of_line::registers regs{some_registers(), 0x202};
    regs.general.r[x86_registers::rsp] = stack;
    const auto made = [&](const std::vector<int>& of) {
        ucontext_t at = context_of(regs);
        REQUIRE(arch::make_step(at, bytes(of), me()));
        return at;
    };
    words[99] = 0;
    ucontext_t at = made({0xe8, 0x10, 0, 0, 0}); // call
    CHECK(arch::ip(at) == 0x1015);
    CHECK(arch::stack_pointer(at) == stack - 8);
    CHECK(words[99] == 0x1005);
    at = made({0xff, 0xe1}); // jmp *%rcx
    CHECK(arch::ip(at) == 0x20'0000);
    CHECK(arch::stack_pointer(at) == stack);
    words[7] = 0x4711;
    regs.general.r[x86_registers::rbx] = reinterpret_cast<std::uint64_t>(words);
    words[99] = 0;
    at = made({0xff, 0x53, 0x38}); // call *0x38(%rbx)
    CHECK(arch::ip(at) == 0x4711);
    CHECK(words[99] == 0x1003);
    words[99] = 0;
    at = made({0xff, 0x63, 0x38}); // jmp *0x38(%rbx)
    CHECK(arch::ip(at) == 0x4711);
    CHECK(words[99] == 0);
    words[100] = 0x4712;
    at = made({0xc3}); // ret
    CHECK(arch::ip(at) == 0x4712);
    CHECK(arch::stack_pointer(at) == stack + 8);
    regs.general.r[x86_registers::rbp] = reinterpret_cast<std::uint64_t>(words + 50);
    words[50] = 0x4713;
    at = made({0xc9}); // leave
    CHECK(at.uc_mcontext.gregs[REG_RBP] == 0x4713);
    CHECK(arch::stack_pointer(at) == reinterpret_cast<std::uint64_t>(words + 51));
}

TEST_CASE("where there is no memory nothing is made by the handler")
{
    by_breakpoints();
    std::uint64_t there = 7;
    for (const auto& code : {bytes({0x48, 0x8b, 0x00}), bytes({0x48, 0x89, 0x00}), bytes({0x48, 0x03, 0x00}),
                             bytes({0x48, 0x01, 0x00}), bytes({0xff, 0x10}), bytes({0xff, 0x20})}) {
        out_of_line::registers regs{some_registers(), 0x202};
        regs.general.r[0] = 0;
        ucontext_t at = context_of(regs);
        CHECK_FALSE(arch::make_step(at, code, me()));
        CHECK(at.uc_mcontext.gregs[REG_RAX] == 0);
        CHECK(at.uc_mcontext.gregs[REG_EFL] == 0x202);
        CHECK(arch::ip(at) == 0x1000);
    }
    out_of_line::registers regs{some_registers(), 0x202};
    regs.general.r[0] = reinterpret_cast<std::uint64_t>(&there);
    ucontext_t at = context_of(regs);
    CHECK(arch::make_step(at, bytes({0x48, 0x8b, 0x00}), me())); // mov (%rax), %rax
    CHECK(at.uc_mcontext.gregs[REG_RAX] == 7);
    CHECK(arch::ip(at) == 0x1003);
}

TEST_CASE("what a step reads it reads up to the last byte that is there, and no further")
{
    by_breakpoints();
    constexpr std::size_t page = 4096;
    void* const pages = mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    auto* const there = static_cast<unsigned char*>(pages) + page;
    REQUIRE(mprotect(there, page, PROT_READ | PROT_WRITE) == 0);
    for (std::size_t i = 0; i < page; ++i)
        there[i] = static_cast<unsigned char>(i * 37 + i / 256);
    const auto made = [&](const std::vector<int>& load, std::ptrdiff_t from, std::uint64_t& value) {
        out_of_line::registers regs{some_registers(), 0x202};
        regs.general.r[x86_registers::rbx] =
            reinterpret_cast<std::uint64_t>(there) + static_cast<std::uint64_t>(std::int64_t{from});
        ucontext_t at = context_of(regs);
        const bool is = arch::make_step(at, bytes(load), me());
        value = static_cast<std::uint64_t>(at.uc_mcontext.gregs[REG_RAX]);
        return is;
    };
    struct one {
        std::ptrdiff_t width;
        std::vector<int> load;
    };
    for (const one& o : std::initializer_list<one>{{1, {0x0f, 0xb6, 0x03}},  // movzbl (%rbx), %eax
                                                   {2, {0x0f, 0xb7, 0x03}},  // movzwl (%rbx), %eax
                                                   {4, {0x8b, 0x03}},        // mov (%rbx), %eax
                                                   {8, {0x48, 0x8b, 0x03}}}) // mov (%rbx), %rax
        for (const std::ptrdiff_t begin : {std::ptrdiff_t{0}, static_cast<std::ptrdiff_t>(page)})
            for (std::ptrdiff_t from = begin - 9; from <= begin + 9; ++from) {
                INFO(o.width << " bytes from " << from);
                const bool all_there = from >= 0 && from + o.width <= static_cast<std::ptrdiff_t>(page);
                std::uint64_t value = 0;
                CHECK(made(o.load, from, value) == all_there);
                std::uint64_t expected = all_there ? 0 : some_registers().r[x86_registers::rax];
                for (std::ptrdiff_t i = 0; i < o.width && all_there; ++i)
                    expected |= std::uint64_t{there[from + i]} << 8 * i;
                CHECK(value == expected);
            }
    munmap(pages, 3 * page);
}

TEST_CASE("memory that is none of the kernel's is left to the processor, which reads it once")
{
    by_breakpoints();
    const std::string maps = maps_of(getpid());
    std::size_t looked_at = 0;
    for (const mapping_line& m : lines_of(maps))
        for (std::uintptr_t at = m.start; m.path.starts_with("[vvar") && at < m.end; at += 4096) {
            ++looked_at; // a clock of the hypervisor may be there, or nothing
            for (int twice = 0; twice < 2; ++twice) {
                out_of_line::registers regs{some_registers(), 0x202};
                regs.general.r[x86_registers::rbx] = at;
                ucontext_t now = context_of(regs);
                CHECK_FALSE(arch::make_step(now, bytes({0x48, 0x8b, 0x03}), me())); // mov (%rbx), %rax
            }
        }
    if (looked_at == 0)
        WARN("nothing to look at: this kernel maps no page of its own into processes");
}

TEST_CASE("what a step reads is no set of signals: the mask stays")
{
    by_breakpoints();
    sigset_t none;
    sigset_t before;
    sigemptyset(&none);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &none, &before) == 0);
    const std::array<std::uint64_t, 2> sets{~std::uint64_t{0}, 0};
    for (const std::uint64_t& set : sets) {
        out_of_line::registers regs{some_registers(), 0x202};
        regs.general.r[x86_registers::rbx] = reinterpret_cast<std::uint64_t>(&set);
        ucontext_t at = context_of(regs);
        CHECK(arch::make_step(at, bytes({0x48, 0x8b, 0x03}), me())); // mov (%rbx), %rax
    }
    sigset_t now;
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, &now) == 0);
    for (int signal = 1; signal <= SIGRTMAX; ++signal)
        CHECK(sigismember(&now, signal) != 1);
}

TEST_CASE("a store that goes over into a page that refuses it changes nothing when the handler makes it")
{
    by_breakpoints();
    constexpr std::size_t page = 4096;
    void* const pages = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    auto* const bytes_there = static_cast<unsigned char*>(pages);
    REQUIRE(mprotect(bytes_there + page, page, PROT_READ) == 0);
    out_of_line::registers regs{some_registers(), 0x202};
    regs.general.r[0] = reinterpret_cast<std::uint64_t>(bytes_there + page - 4);
    ucontext_t at = context_of(regs);
    CHECK_FALSE(arch::make_step(at, bytes({0x48, 0xff, 0x08}), me())); // decq (%rax)
    CHECK(bytes_there[page - 4] == 0);
    munmap(pages, 2 * page);
}

namespace {

std::uint64_t no_code = 0; ///< set before the fork
unsigned char data_of_a_return[] = {0xc3};

void call_no_code()
{
    reinterpret_cast<void (*)()> (*const_cast<volatile std::uint64_t*>(&no_code))();
}

constexpr int own_handler_came = 77;

int call_no_code_stepped(void*)
{
    install_handlers(0, nullptr);
    arch::step_by_breakpoints(true);
    struct sigaction fault {};
    fault.sa_handler = [](int) { _exit(own_handler_came); };
    sigaction(SIGSEGV, &fault, nullptr);
    stepped_thread self;
    plan all;
    all.step_all = true;
    self.run(call_no_code, all);
    return 0;
}

} // namespace

TEST_CASE(
    "a call of what is no code is the program's own fault, not the handler's, and no code is made of it")
{
    for (const std::uint64_t to : {std::uint64_t{0}, std::uint64_t{0xdead'0000'0000'0000},
                                   reinterpret_cast<std::uint64_t>(data_of_a_return)}) {
        INFO("to " << to);
        no_code = to;
        const child_result r = wait_child(start_child(call_no_code_stepped, nullptr));
        CHECK(r.end == child_end::failed);
        CHECK(r.code == own_handler_came);
    }
}

TEST_CASE("of a restartable sequence the handler makes no step")
{
    if (__rseq_size == 0)
        return; // the C library has registered none
    by_breakpoints();
    static const std::array<std::uint32_t, 4> far{
        RSEQ_SIG, 0, 0, 0}; // the kernel looks for it before it puts the sequence off
    static const struct rseq_cs elsewhere {
        0, 0, reinterpret_cast<std::uint64_t>(&far[2]), 1, reinterpret_cast<std::uint64_t>(&far[1])
    };
    auto* const own = reinterpret_cast<volatile struct rseq*>(static_cast<char*>(__builtin_thread_pointer()) +
                                                              __rseq_offset);
    bool begun = false;
    bool made = true;
    for (int tries = 0; tries < 1000 && !begun; ++tries) { // who is preempted is no longer in one
        ucontext_t at = context_of({some_registers(), 0x202});
        own->rseq_cs = reinterpret_cast<std::uint64_t>(&elsewhere);
        made = arch::make_step(at, bytes({0x48, 0x89, 0xc1}), me()); // mov %rax, %rcx
        begun = own->rseq_cs != 0;
        own->rseq_cs = 0;
    }
    REQUIRE(begun);
    CHECK_FALSE(made);
}

TEST_CASE("what the handler makes never writes to the handler's own frames")
{
    by_breakpoints();
    const auto stack = reinterpret_cast<std::uint64_t>(memory.data()) + arena_size / 2 + 512;
    const auto pushed_at = [](std::uint64_t stack_pointer, std::uint64_t interrupted_at) {
        out_of_line::registers regs{some_registers(), 0x202};
        regs.general.r[x86_registers::rax] = 0x1122'3344'5566'7788;
        regs.general.r[x86_registers::rsp] = stack_pointer;
        ucontext_t at = context_of(regs);
        return arch::make_step(at, bytes({0x50}), {gettid(), interrupted_at}); // push %rax
    };
    memory.fill(0xa5);
    const arena before = memory;
    CHECK_FALSE(pushed_at(stack - 121, stack));
    CHECK_FALSE(pushed_at(stack - 128, stack));
    CHECK_FALSE(pushed_at(stack - 4096, stack));
    constexpr std::uint64_t end_of_frames = 128 + 64 * 1024; // counted from where the stack was
    CHECK_FALSE(pushed_at(stack + 1, stack + end_of_frames));
    CHECK((memory == before));
    CHECK(pushed_at(stack, stack + end_of_frames)); // below them
    CHECK(pushed_at(stack - 120, stack));           // the last of the red zone
}

TEST_CASE("beside the handler's own frames a step reads and writes what it names, and no more")
{
    by_breakpoints();
    const std::uint64_t stack = reinterpret_cast<std::uint64_t>(memory.data()) + arena_size / 2;
    constexpr std::uint64_t stored = 0x1122'3344'5566'7788;
    struct one {
        unsigned width;
        std::vector<int> store, load;
    };
    for (const one& o : std::initializer_list<one>{
             {1, {0x88, 0x03}, {0x0f, 0xb6, 0x03}},                 // mov %al, (%rbx); movzbl (%rbx), %eax
             {2, {0x66, 0x89, 0x03}, {0x0f, 0xb7, 0x03}},           // mov %ax, (%rbx); movzwl (%rbx), %eax
             {4, {0x89, 0x03}, {0x8b, 0x03}},                       // mov %eax, (%rbx); mov (%rbx), %eax
             {8, {0x48, 0x89, 0x03}, {0x48, 0x8b, 0x03}}})          // mov %rax, (%rbx); mov (%rbx), %rax
        for (const int from_stack : {-128, -127, -64, -8, 0, 24}) { // of the red zone, and of a page above
            INFO(o.width << " bytes at " << from_stack);
            for (std::size_t i = 0; i < memory.size(); ++i)
                memory[i] = static_cast<unsigned char>(i * 37 + i / 256);
            arena expected = memory;
            const auto made = [&](const std::vector<int>& code) {
                out_of_line::registers regs{some_registers(), 0x202};
                regs.general.r[x86_registers::rax] = stored;
                regs.general.r[x86_registers::rbx] = stack + static_cast<std::uint64_t>(from_stack);
                ucontext_t at = context_of(regs);
                REQUIRE(arch::make_step(at, bytes(code), {gettid(), stack}));
                return static_cast<std::uint64_t>(at.uc_mcontext.gregs[REG_RAX]);
            };
            const std::size_t first = arena_size / 2 + static_cast<std::size_t>(from_stack);
            std::uint64_t there = 0;
            for (unsigned i = 0; i < o.width; ++i)
                there |= std::uint64_t{expected[first + i]} << 8 * i;
            CHECK(made(o.load) == there);
            CHECK((memory == expected));
            for (unsigned i = 0; i < o.width; ++i)
                expected[first + i] = static_cast<unsigned char>(stored >> 8 * i);
            CHECK(made(o.store) == stored);
            CHECK((memory == expected));
        }
}

namespace {

// Each as a process of its own: what they would do wrong ends it, or keeps it for ever.
child_result watched(int (*body)(void*), void* argument = nullptr)
{
    const progress alive{};
    return watch_child(start_child(body, argument), alive, 5 * nsec_per_sec);
}

int make_with_the_trap_flag(void*)
{
    by_breakpoints();
    constexpr std::uint64_t trap_flag = 0x100;
    for (const std::uint64_t wished : {trap_flag, std::uint64_t{0}}) {
        ucontext_t at = context_of({some_registers(), 0x202 | wished});
        if (!arch::make_step(at, bytes({0x48, 0x01, 0xc8}), me())) // add %rcx, %rax
            return 2;
        const auto flags = static_cast<std::uint64_t>(at.uc_mcontext.gregs[REG_EFL]);
        if ((flags & trap_flag) != wished || at.uc_mcontext.gregs[REG_RAX] != 0x30'0000)
            return 3;
    }
    return 0;
}

} // namespace

TEST_CASE("the trap flag has no effect on the instruction that the handler makes, and stays as it was")
{
    const child_result r = watched(make_with_the_trap_flag);
    INFO(in_words(r));
    CHECK(r.end == child_end::finished);
}

extern "C" void nmisim_test_own_trap_flag();
asm(R"(
    .text
    .globl nmisim_test_own_trap_flag
    .hidden nmisim_test_own_trap_flag
    .type nmisim_test_own_trap_flag, @function
nmisim_test_own_trap_flag:
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    movl $7, %eax
    pushfq
    andq $-257, (%rsp)
    popfq
    nop
    ret
    .size nmisim_test_own_trap_flag, . - nmisim_test_own_trap_flag
)");

namespace {

constexpr std::uint32_t instructions_of_own_trap_flag = 10;

struct shared_recording {
    recording steps;
    bool by_breakpoints;
};

int record_own_trap_flag(void* argument)
{
    auto& shared = *static_cast<shared_recording*>(argument);
    install_handlers(0, nullptr);
    arch::step_by_breakpoints(shared.by_breakpoints);
    stepped_thread self;
    plan p;
    p.record = &shared.steps;
    self.run(nmisim_test_own_trap_flag, p);
    return 0;
}

} // namespace

TEST_CASE("a program that sets the trap flag itself, and clears it, loses no boundary by that")
{
    shared_array<shared_recording> shared(1);
    shared_array<std::uintptr_t> ips(64);
    shared->steps.ip = ips.data();
    shared->steps.capacity = 64;
    shared->by_breakpoints = true;
    const child_result r = watched(record_own_trap_flag, shared.data());
    INFO(in_words(r));
    CHECK(r.end == child_end::finished);
    CHECK(shared->steps.ended);
    CHECK(shared->steps.count == instructions_of_own_trap_flag);
}

namespace {

std::atomic<unsigned char> in_the_copy;
std::atomic<unsigned char> may_leave;

int make_while_another_thread_does(void*)
{
    by_breakpoints();
    alignas(16) static std::array<unsigned char, 1024> stack;
    out_of_line::registers of_first{some_registers(), 0x202};
    of_first.general.r[x86_registers::rsp] = reinterpret_cast<std::uint64_t>(stack.data() + stack.size());
    of_first.general.r[x86_registers::rsi] = reinterpret_cast<std::uint64_t>(&in_the_copy);
    of_first.general.r[x86_registers::rdi] = reinterpret_cast<std::uint64_t>(&may_leave);
    const auto before = of_first.general.r;
    bool first_ran = false;
    std::thread first([&] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr); // its stack pointer is another one in the copy
        // movb $1, (%rsi); again: pause; cmpb $0, (%rdi); je again
        first_ran = out_of_line::run(bytes({0xc6, 0x06, 1, 0xf3, 0x90, 0x80, 0x3f, 0, 0x74, 0xf9}), of_first);
    });
    while (in_the_copy.load(std::memory_order_relaxed) == 0) // the join orders what is read
        sched_yield();
    ucontext_t at = context_of({some_registers(), 0x202});
    const auto add = bytes({0x48, 0x01, 0xc8}); // add %rcx, %rax
    const bool second_ran = arch::make_step(at, add, me());
    const bool left_alone = arch::ip(at) == 0x1000 && at.uc_mcontext.gregs[REG_RAX] == 0x10'0000;
    may_leave.store(1, std::memory_order_relaxed); // as above
    first.join();
    if (second_ran || !left_alone)
        return 2;
    if (!first_ran || of_first.general.r != before)
        return 3;
    return arch::make_step(at, add, me()) && at.uc_mcontext.gregs[REG_RAX] == 0x30'0000 ? 0 : 4;
}

} // namespace

TEST_CASE("while one thread's instruction is run out of line another one's is left to the processor")
{
    const child_result r = watched(make_while_another_thread_does);
    INFO(in_words(r));
    CHECK(r.end == child_end::finished);
}

namespace {

std::atomic<bool> rung;

void until_the_alarm()
{
    const itimerval soon{{0, 0}, {0, 10'000}};
    setitimer(ITIMER_REAL, &soon, nullptr);
    while (!rung.load(std::memory_order_relaxed)) { // the handler is this thread's
    }
}

int wait_stepped_for_an_alarm(void*)
{
    install_handlers(0, nullptr);
    arch::step_by_breakpoints(true);
    struct sigaction ring {};
    ring.sa_handler = [](int) { rung.store(true, std::memory_order_relaxed); };
    sigaction(SIGALRM, &ring, nullptr);
    stepped_thread self;
    plan all;
    all.step_all = true;
    self.run(until_the_alarm, all);
    return 0;
}

} // namespace

TEST_CASE("code that waits for a signal gets it, however many of its steps the handler could make")
{
    const child_result r = watched(wait_stepped_for_an_alarm);
    INFO(in_words(r));
    CHECK(r.end == child_end::finished);
}

#endif
