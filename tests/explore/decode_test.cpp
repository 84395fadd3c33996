// SPDX-License-Identifier: MIT
//
// The decoder by which steps are made, against a disassembler, on all the code that this program has loaded; and what a
// leap over recorded instructions may pass.
#include "code.hpp"
#include "explore/decode/branch_x86_64.hpp"
#include "explore/decode/instruction_x86_64.hpp"
#include "explore/decode/leap_x86_64.hpp"
#include "explore/decode/successors_x86_64.hpp"
#include "explore/place/decode_check.hpp"
#include "explore/place/places.hpp"
#include "explore/step/recording.hpp"
#include "support/catch2.hpp"

#include <array>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

#include <link.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

x86_instruction decoded(std::initializer_list<int> of)
{
    const code_bytes c = bytes(of);
    return decode_x86_64(c.byte.data(), c.size);
}

successors after(std::uint64_t pc, std::initializer_list<int> of, const x86_registers& regs = {})
{
    const code_bytes c = bytes(of);
    return successors_x86_64(pc, regs, c.byte.data(), c.size);
}

struct walked {
    std::vector<std::uintptr_t> ip;
    std::vector<code_bytes> code;
    std::size_t unknown = 0;
    void add(const unsigned char* from, std::size_t size)
    {
        code_bytes c;
        c.size = static_cast<std::uint8_t>(std::min<std::size_t>(size, code_bytes::longest));
        std::memcpy(c.byte.data(), from, c.size);
        ip.push_back(reinterpret_cast<std::uintptr_t>(from));
        code.push_back(c);
    }
};

} // namespace

// Where the program's own code begins and ends, as the linker has it.
extern "C" {
extern const char _start; // NOLINT(bugprone-reserved-identifier): its name
extern const char _fini;  // NOLINT(bugprone-reserved-identifier)
}

namespace {

// The code of this program and of libstdc++, from its start, as the decoder has it. What it does not know it passes byte
// by byte: a mistake in a length is met sooner or later by the disassembler. (libc has data between its code.)
int walk(dl_phdr_info* object, std::size_t, void* argument)
{
    auto& all = *static_cast<walked*>(argument);
    const std::string_view name = object->dlpi_name;
    if (!name.empty() && name.find("libstdc++") == std::string_view::npos)
        return 0;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const auto& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0)
            continue;
        const auto* at = reinterpret_cast<const unsigned char*>(object->dlpi_addr + segment.p_vaddr);
        const auto* end = at + segment.p_memsz;
        if (name.empty()) { // a linker may put data into the same segment
            at = reinterpret_cast<const unsigned char*>(&_start);
            end = reinterpret_cast<const unsigned char*>(&_fini);
        }
        while (at < end && all.ip.size() < 400'000) {
            const auto left = static_cast<std::size_t>(end - at);
            const x86_instruction known = decode_x86_64(at, left);
            if (known.kind == flow::unknown) {
                ++all.unknown;
                at += known.size != 0 ? known.size : 1;
                continue;
            }
            all.add(at, left);
            at += known.size;
        }
    }
    return 0;
}

recording recorded(walked& w)
{
    recording t;
    t.ip = w.ip.data();
    t.code = w.code.data();
    t.count = t.capacity = static_cast<std::uint32_t>(w.ip.size());
    return t;
}

} // namespace

TEST_CASE("decoder and disassembler agree on the code of this program and of libstdc++")
{
    if (!can_check_decoding())
        return; // nobody checks them here
    walked all;
    dl_iterate_phdr(walk, &all);
    recording t = recorded(all);
    places names(maps_of(getpid()));
    CHECK(t.count > 100'000);
    CHECK(all.unknown < t.count / 100);
    CHECK(decoded_wrongly(t, names) == "");
}

TEST_CASE("an instruction that the disassembler does not know is reported, with its place")
{
    if (!can_check_decoding())
        return; // nobody checks them here
    walked one;
    const code_bytes hint = bytes({0xc4, 0xe2, 0x75, 0x50, 0xc1}); // vpdpbusd, of AVX-VNNI
    one.ip.push_back(0x1000);
    one.code.push_back(hint);
    recording t = recorded(one);
    places names(maps_of(getpid()));
    CHECK(decoded_wrongly(t, names).starts_with("at 0x1000 decoder and disassembler do not agree"));
    CHECK_FALSE(decoded_alike(0x1000, hint));
    CHECK(decoded_alike(0x1000, bytes({0x74, 0x10}))); // je
}

TEST_CASE("of a branch both ways follow, of a return what the stack holds, of a jump through a slot what "
          "that holds")
{
    CHECK(after(0x1000, {0x74, 0x10}).count == 2); // je
    CHECK(after(0x1000, {0x74, 0x10}).at[0] == 0x1002);
    CHECK(after(0x1000, {0x74, 0x10}).at[1] == 0x1012);
    CHECK(after(0x1000, {0x74, 0x00}).count == 1);
    CHECK(after(0x1000, {0x0f, 0x85, 0x00, 0xff, 0xff, 0xff}).at[1] == 0xf06); // jne, backwards
    CHECK(after(0x1000, {0xe8, 0x00, 0x01, 0x00, 0x00}).at[0] == 0x1105);      // call
    const std::uint64_t target = 0x123456789abc;
    x86_registers regs;
    regs.r[4] = reinterpret_cast<std::uint64_t>(&target);
    CHECK(after(0x1000, {0xc3}, regs).at[0] == target);             // ret
    CHECK(after(0x1000, {0xc2, 0x08, 0x00}, regs).at[0] == target); // ret 8
    regs.r[11] = 0x4444;
    CHECK(after(0x1000, {0x41, 0xff, 0xd3}, regs).at[0] == 0x4444); // call *%r11
    const std::uint64_t here = reinterpret_cast<std::uint64_t>(&target) - 6;
    CHECK(after(here, {0xff, 0x25, 0, 0, 0, 0}).at[0] == target); // jmp *0(%rip)
}

TEST_CASE("what the processor alone can step is left to it")
{
    CHECK(after(0x1000, {0x0f, 0x05}).count == 0); // syscall
    CHECK(after(0x1000, {0xf3, 0xa4}).count == 0); // rep movsb: each round is a boundary
    CHECK(after(0x1000, {0xa4}).count == 1);       // movsb
    CHECK(after(0x1000, {0xeb, 0xfe}).count == 0); // jmp to itself: the breakpoint would be on it
    CHECK(after(0x1000, {0x75, 0xff}).count == 0); // jne into itself
    CHECK(decoded({0x62, 0xf1, 0x7c, 0x48, 0x10, 0x44, 0x24, 0x01}).kind == flow::unknown); // vmovups zmm
    CHECK(after(0x1000, {0xff, 0x10}).count == 0);             // call *(%rax): that memory may not be there
    CHECK(after(0x1000, {0x64, 0xff, 0x14, 0x25}).count == 0); // call *%fs:
    CHECK(after(0x1000, {0xcc}).count == 0);
    CHECK(after(0x1000, {0x48, 0xcf}).count == 0);                                        // iretq
    CHECK(decode_x86_64(bytes({0xe8, 1, 2, 3, 4}).byte.data(), 3).kind == flow::unknown); // cut off
}

TEST_CASE("lengths with prefixes, immediates and addresses of each form")
{
    CHECK(decoded({0x66, 0xb8, 1, 2}).size == 4);                          // mov imm16, %ax
    CHECK(decoded({0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}).size == 10);       // movabs
    CHECK(decoded({0x48, 0xf7, 0x05, 0, 0, 0, 0, 1, 2, 3, 4}).size == 11); // testq imm32, (rip)
    CHECK(decoded({0xf7, 0xd8}).size == 2);                                // neg
    CHECK(decoded({0xf6, 0x44, 0x24, 0x08, 0x01}).size == 5);              // testb imm8, 8(%rsp)
    CHECK(decoded({0x8b, 0x04, 0x25, 1, 2, 3, 4}).size == 7);              // mov disp32, %eax
    CHECK(decoded({0xc5, 0xf8, 0x77}).size == 3);                          // vzeroupper
    CHECK(decoded({0xc4, 0xe3, 0x79, 0x0f, 0xc1, 0x08}).size == 6);        // vpalignr
    CHECK(decoded({0xc8, 0x10, 0x00, 0x00}).size == 4);                    // enter
}

TEST_CASE("a leap passes what has one successor, and stops where the path is decided")
{
    // add; add; je +2; add; ret
    std::vector<std::uintptr_t> ip{0x1000, 0x1003, 0x1006, 0x1008, 0x100b};
    std::vector<code_bytes> code{bytes({0x48, 0x01, 0xc0}), bytes({0x48, 0x01, 0xc0}), bytes({0x74, 0x02}),
                                 bytes({0x48, 0x01, 0xc0}), bytes({0xc3})};
    const leap to_branch = leap_x86_64(ip.data(), code.data(), 5, 0);
    CHECK(to_branch.count == 2);
    CHECK(to_branch.to[0] == 0x1008);
    CHECK(to_branch.to[1] == 0x100a);
    CHECK(to_branch.instructions == 3);
    const leap to_return = leap_x86_64(ip.data(), code.data(), 5, 3);
    CHECK(to_return.count == 1);
    CHECK(to_return.to[0] == 0x100b);
    CHECK(leap_x86_64(ip.data(), code.data(), 5, 4).count == 0);
    // a loop: its beginning is on the way
    ip = {0x1000, 0x1003};
    code = {bytes({0x48, 0x01, 0xc0}), bytes({0x75, 0xfb})}; // add; jne 0x1000
    const leap in_loop = leap_x86_64(ip.data(), code.data(), 2, 0);
    CHECK(in_loop.count == 1);
    CHECK(in_loop.to[0] == 0x1003);
}

#if defined(__x86_64__)

namespace {

// What the processor says of each condition with these flags.
std::array<unsigned char, 16> conditions_with(std::uint64_t flags)
{
    std::array<unsigned char, 16> holds{};
    asm volatile("leaq -128(%%rsp), %%rsp\n\t" // the red zone
                 "pushq %0\n\t"
                 "popfq\n\t"
                 "seto 0(%1)\n\tsetno 1(%1)\n\tsetb 2(%1)\n\tsetae 3(%1)\n\t"
                 "sete 4(%1)\n\tsetne 5(%1)\n\tsetbe 6(%1)\n\tseta 7(%1)\n\t"
                 "sets 8(%1)\n\tsetns 9(%1)\n\tsetp 10(%1)\n\tsetnp 11(%1)\n\t"
                 "setl 12(%1)\n\tsetge 13(%1)\n\tsetle 14(%1)\n\tsetg 15(%1)\n\t"
                 "leaq 128(%%rsp), %%rsp"
                 :
                 : "r"(flags), "r"(holds.data())
                 : "cc", "memory");
    return holds;
}

std::uint64_t branch(std::initializer_list<int> of, std::uint64_t flags = 0)
{
    const code_bytes c = bytes(of);
    return branch_x86_64(0x1000, flags, c.byte.data(), c.size);
}

} // namespace

TEST_CASE("a branch that is made by hand goes where the processor goes, with all flags that conditions read")
{
    constexpr std::array bits{0, 2, 6, 7, 11}; // carry, parity, zero, sign, overflow
    for (unsigned set = 0; set < 32; ++set) {
        std::uint64_t flags = 0x202;
        for (std::size_t b = 0; b < bits.size(); ++b)
            flags |= std::uint64_t{set >> b & 1} << bits[b];
        const auto holds = conditions_with(flags);
        for (int c = 0; c < 16; ++c) {
            INFO("condition " << c << " with flags " << flags);
            const bool taken = holds[static_cast<std::size_t>(c)] != 0;
            CHECK(branch({0x70 | c, 0x10}, flags) == (taken ? 0x1012 : 0x1002));
            CHECK(branch({0x0f, 0x80 | c, 0xf0, 0xff, 0xff, 0xff}, flags) == (taken ? 0xff6 : 0x1006));
        }
    }
    CHECK(branch({0xeb, 0xfe}) == 0x1000);
    CHECK(branch({0xe9, 0x00, 0x01, 0x00, 0x00}) == 0x1105);
    CHECK(branch({0xe3, 0x10}) == 0);                   // jrcxz reads a register
    CHECK(branch({0xe2, 0x10}) == 0);                   // loop changes one
    CHECK(branch({0xe8, 0x00, 0x01, 0x00, 0x00}) == 0); // call stores
    CHECK(branch({0xff, 0xe0}) == 0);                   // jmp *%rax
    CHECK(branch({0x90}) == 0);
    const unsigned char short_of_code[] = {0x0f, 0x84, 0x00, 0x00};
    CHECK(branch_x86_64(0x1000, 0, short_of_code, sizeof short_of_code) == 0);
}

#endif
