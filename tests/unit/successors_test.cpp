// SPDX-License-Identifier: MIT
//
// Encodings as the GNU assembler writes them.
#include "explore/decode/successors_aarch64.hpp"

#include "support/catch2.hpp"

#include <vector>

using namespace nmisim::explore;

namespace {

constexpr std::uint64_t start = 0x10000;
std::vector<std::uint32_t> code;

std::uint32_t code_at(std::uint64_t address) noexcept
{
    const std::uint64_t i = (address - start) / 4;
    return i < code.size() ? code[i] : 0xd503201f; // nop
}

std::vector<std::uint64_t> after(std::vector<std::uint32_t> instructions, const aarch64_registers& regs = {},
                                 std::uint64_t pc = start)
{
    code = std::move(instructions);
    const successors s = successors_of(pc, regs, code_at);
    return {s.at.begin(), s.at.begin() + s.count};
}

std::vector<std::uint64_t> to(std::int64_t offset)
{
    return {start + static_cast<std::uint64_t>(offset)};
}

aarch64_registers with(unsigned number, std::uint64_t value)
{
    aarch64_registers regs{};
    regs.x[number] = value;
    return regs;
}

aarch64_registers flags(bool n, bool z, bool c, bool v)
{
    aarch64_registers regs{};
    regs.nzcv =
        std::uint64_t{n} << 31 | std::uint64_t{z} << 30 | std::uint64_t{c} << 29 | std::uint64_t{v} << 28;
    return regs;
}

} // namespace

TEST_CASE("an instruction that does not branch goes to the next one")
{
    CHECK(after({0xf9400000}) == to(4)); // ldr x0, [x0]
    CHECK(after({0xd4000001}) == to(4)); // svc #0
    CHECK(after({0xc8dffc20}) == to(4)); // ldar x0, [x1]: ordered, not exclusive
    CHECK(after({0x48207c82}) == to(4)); // casp x0, x1, x2, x3, [x4]
}

TEST_CASE("jumps and calls go where they say")
{
    CHECK(after({0x14000002}) == to(8));                                                // b . + 8
    CHECK(after({0x17ffffff}) == to(-4));                                               // b . - 4
    CHECK(after({0x94000040}) == to(0x100));                                            // bl . + 0x100
    CHECK(after({0xd65f03c0}, with(30, 0x4444)) == std::vector<std::uint64_t>{0x4444}); // ret
    CHECK(after({0xd61f0200}, with(16, 0x5550)) == std::vector<std::uint64_t>{0x5550}); // br x16
    CHECK(after({0xd63f0100}, with(8, 0x6660)) == std::vector<std::uint64_t>{0x6660});  // blr x8
    CHECK(is_call(0x94000040));
    CHECK(is_call(0xd63f0100));
    CHECK_FALSE(is_call(0x14000002));
    CHECK_FALSE(is_call(0xd61f0200));
}

TEST_CASE("a conditional branch follows the flags")
{
    constexpr std::uint32_t b_cond = 0x54000080; // b.<condition> . + 16
    const struct {
        std::uint32_t condition;
        aarch64_registers yes, no;
    } cases[] = {
        {0, flags(0, 1, 0, 0), flags(0, 0, 0, 0)},  // eq
        {2, flags(0, 0, 1, 0), flags(0, 0, 0, 0)},  // cs
        {4, flags(1, 0, 0, 0), flags(0, 0, 0, 0)},  // mi
        {6, flags(0, 0, 0, 1), flags(0, 0, 0, 0)},  // vs
        {8, flags(0, 0, 1, 0), flags(0, 1, 1, 0)},  // hi
        {10, flags(1, 0, 0, 1), flags(1, 0, 0, 0)}, // ge
        {12, flags(0, 0, 0, 0), flags(0, 1, 0, 0)}, // gt
    };
    for (const auto& c : cases) {
        INFO("condition " << c.condition);
        CHECK(after({b_cond | c.condition}, c.yes) == to(16));
        CHECK(after({b_cond | c.condition}, c.no) == to(4));
        CHECK(after({b_cond | c.condition | 1}, c.yes) == to(4)); // its opposite
        CHECK(after({b_cond | c.condition | 1}, c.no) == to(16));
    }
    CHECK(after({b_cond | 14}) == to(16)); // al
    CHECK(after({b_cond | 15}) == to(16)); // nv: always, too
}

TEST_CASE("compare-and-branch and test-and-branch look at their register")
{
    constexpr std::uint64_t high_only = 0x100000000;
    CHECK(after({0xb4000043}, with(3, 0)) == to(8));         // cbz x3, . + 8
    CHECK(after({0xb4000043}, with(3, high_only)) == to(4)); //
    CHECK(after({0x34000043}, with(3, high_only)) == to(8)); // cbz w3, . + 8
    CHECK(after({0xb5000043}, with(3, high_only)) == to(8)); // cbnz x3, . + 8
    CHECK(after({0xb4000045 | 0x1f}) == to(8));              // cbz xzr, . + 8
    CHECK(after({0x36180065}, with(5, 8)) == to(4));         // tbz w5, #3, . + 12
    CHECK(after({0x36180065}, with(5, ~std::uint64_t{8})) == to(12));
    CHECK(after({0xb7180065}, with(5, std::uint64_t{1} << 35)) == to(12)); // tbnz x5, #35, . + 12
    CHECK(after({0xb7180065}, with(5, 8)) == to(4));
}

TEST_CASE("an exclusive pair is one step, with every way out of it")
{
    // ldxr x0, [x1]; add x0, x0, #1; stxr w2, x0, [x1]; cbnz w2, . - 12
    const std::vector<std::uint32_t> add{0xc85f7c20, 0x91000400, 0xc8027c20, 0x35ffffa2};
    CHECK(after(add) == to(12));
    CHECK(after(add, with(2, 1), start + 12) == to(0)); // the store failed: round again
    // ldaxr w0, [x1]; cmp w0, w3; b.ne . + 16; stlxr w2, w4, [x1]
    CHECK(after({0x885ffc20, 0x6b03001f, 0x54000081, 0x8802fc24}) ==
          std::vector<std::uint64_t>{start + 8 + 16, start + 16});
    CHECK(after({0xc85f7c20, 0xd503205f}) == to(4));             // ldxr; wfe: a load alone
    CHECK(after({0xc85f7c20, 0xd65f03c0, 0xc8027c20}) == to(4)); // ldxr; ret
}
