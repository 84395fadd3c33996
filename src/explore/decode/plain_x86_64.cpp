// SPDX-License-Identifier: MIT
#include "explore/decode/plain_x86_64.hpp"

#include "explore/decode/instruction_x86_64.hpp"

#include <string_view>

namespace nmisim::explore {

namespace {

using kind = plain_instruction::kind;

// What an instruction does with the operand that its ModRM names. Letters, one an opcode, so that the tables look like the
// manual's; small: one byte wide.
//   r R  reads it      u U  reads and writes it      w W  writes it
//   n    has none      g G  decided by ModRM         ?    not plain, or dealt with by itself
constexpr std::string_view by_one_byte = "UuRrnn??UuRrnn??"   // 00
                                         "UuRrnn??UuRrnn??"   // 10
                                         "UuRrnn??UuRrnn??"   // 20
                                         "UuRrnn??RrRrnn??"   // 30
                                         "????????????????"   // 40
                                         "????????????????"   // 50
                                         "???r?????r?r????"   // 60
                                         "????????????????"   // 70
                                         "Gg?gRr??WwRr????"   // 80
                                         "????????nn??????"   // 90
                                         "????????nn??????"   // a0
                                         "nnnnnnnnnnnnnnnn"   // b0
                                         "Uu????Ww????????"   // c0
                                         "UuUu????????????"   // d0
                                         "????????????????"   // e0
                                         "??????Gg??????Gg";  // f0
constexpr std::string_view by_two_bytes = "????????????????"  // 0f 00
                                          "????????????????"  // 10
                                          "????????????????"  // 20
                                          "????????????????"  // 30
                                          "rrrrrrrrrrrrrrrr"  // 40
                                          "????????????????"  // 50
                                          "????????????????"  // 60
                                          "????????????????"  // 70
                                          "????????????????"  // 80
                                          "WWWWWWWWWWWWWWWW"  // 90
                                          "???????????????r"  // a0
                                          "??????R?????rrR?"  // b0
                                          "????????nnnnnnnn"  // c0
                                          "????????????????"  // d0
                                          "????????????????"  // e0
                                          "????????????????"; // f0
static_assert(by_one_byte.size() == 256 && by_two_bytes.size() == 256);

/// Bits of REX.
constexpr unsigned char wide = 8, more_registers = 4, more_indices = 2, more_bases = 1;
using enum x86_registers::place;

/// The bytes of an instruction, one after the other; 0 behind its end.
class reader {
public:
    reader(std::uint64_t pc, const x86_registers& regs, std::uint64_t thread_base, const code_bytes& code,
           std::uint8_t size) noexcept
        : pc_(pc), regs_(regs), thread_base_(thread_base), code_(code.byte.data()), size_(size),
          prefixes_(prefixes_x86_64(code_, size)), at_(prefixes_.size)
    {}

    plain_instruction instruction() noexcept
    {
        if (prefixes_.small_address || prefixes_.lock || prefixes_.gs)
            return {};
        const unsigned char opcode = take();
        plain_instruction i = opcode == 0x0f ? two_bytes(take()) : one_byte(opcode);
        i.size = size_;
        return i;
    }

private:
    unsigned char peek() const noexcept { return at_ < size_ ? code_[at_] : 0; }
    unsigned char take() noexcept
    {
        const unsigned char c = peek();
        ++at_;
        return c;
    }

    std::uint8_t extended(unsigned three_bits, unsigned char bit) const noexcept
    {
        return static_cast<std::uint8_t>((three_bits & 7) | ((prefixes_.rex & bit) != 0 ? 8 : 0));
    }

    std::uint64_t number(unsigned bytes) noexcept
    {
        std::uint64_t n = 0;
        for (unsigned i = 0; i < bytes; ++i)
            n |= std::uint64_t{take()} << 8 * i;
        const unsigned unused = 64 - 8 * bytes;
        return bytes == 0 ? 0 : static_cast<std::uint64_t>(static_cast<std::int64_t>(n << unused) >> unused);
    }

    plain_instruction one_byte(unsigned char opcode) noexcept
    {
        if (opcode == 0xc3 && !prefixes_.small_operand) // also with a prefix that does nothing
            return {.what = kind::give_back};
        if (opcode == 0x90 && (prefixes_.rex & more_bases) == 0) // PAUSE with its prefix
            return {.what = kind::nothing};
        if (prefixes_.repeat != 0)
            return {};
        switch (opcode) {
        case 0x63:
            if (prefixes_.small_operand) // processors differ
                return {};
            break;
        case 0x68:
        case 0x6a: return on_stack({.what = kind::push_constant, .constant = number(opcode == 0x68 ? 4 : 1)});
        case 0x8d: return load_address();
        case 0xc9: return on_stack({.what = kind::leave});
        case 0xe8: {
            const std::uint64_t there = number(4);
            return on_stack({.what = kind::call, .address = pc_ + size_ + there});
        }
        case 0xff:
            if ((peek() >> 3 & 7) == 2 || (peek() >> 3 & 7) == 4)
                return through();
            break;
        default: break;
        }
        if ((opcode & 0xf0) == 0x50)
            return on_stack(
                {.what = (opcode & 8) == 0 ? kind::push : kind::pop, .reg = extended(opcode, more_bases)});
        return by(of_group(by_one_byte[opcode], opcode), opcode);
    }

    plain_instruction two_bytes(unsigned char opcode) noexcept
    {
        if (opcode == 0x1f || (opcode == 0x1e && prefixes_.repeat == 0xf3 && peek() == 0xfa))
            return {.what = kind::nothing};
        if (prefixes_.repeat != 0)
            return {};
        if (opcode == 0xb7 || opcode == 0xbf) // MOVZX, MOVSX of two bytes
            return calculated('r', opcode, 2);
        return by(by_two_bytes[opcode], opcode);
    }

    /// Where the reg field of ModRM tells which instruction it is.
    char of_group(char form, unsigned char opcode) const noexcept
    {
        if (form != 'g' && form != 'G')
            return form;
        const unsigned which = peek() >> 3 & 7;
        const char reads = form == 'g' ? 'r' : 'R';
        const char updates = form == 'g' ? 'u' : 'U';
        switch (opcode & 0xfe) {
        case 0x80:
        case 0x82: return which == 7 ? reads : updates; // CMP
        case 0xf6:
            return which == 0                 ? reads   // TEST
                   : which == 2 || which == 3 ? updates // NOT, NEG
                   : which == 4 || which == 5 ? reads   // MUL, IMUL
                                              : '?';    // DIV may trap
        default: return which < 2 ? updates : '?';      // INC, DEC
        }
    }

    plain_instruction on_stack(plain_instruction i) const noexcept
    {
        return prefixes_.small_operand ? plain_instruction{} : i;
    }

    plain_instruction by(char form, unsigned char opcode) noexcept
    {
        const unsigned operand = (prefixes_.rex & wide) != 0 ? 8 : prefixes_.small_operand ? 2 : 4;
        switch (form) {
        case 'n': return {.what = kind::calculate, .by_registers = whole()};
        case 'r':
        case 'u':
        case 'w': return calculated(form, opcode, opcode == 0x63 ? 4 : operand);
        case 'R': return calculated('r', opcode, 1);
        case 'U': return calculated('u', opcode, 1);
        case 'W': return calculated('w', opcode, 1);
        default: return {};
        }
    }

    code_bytes whole() const noexcept
    {
        code_bytes c;
        for (; c.size < size_; ++c.size)
            c.byte[c.size] = code_[c.size];
        return c;
    }

    plain_instruction calculated(char form, unsigned char opcode, unsigned width) noexcept
    {
        plain_instruction i{.what = kind::calculate};
        const unsigned char modrm = peek();
        if (modrm >> 6 == 3) {
            i.by_registers = whole();
            return i;
        }
        const std::size_t modrm_at = at_;
        i.address = address();
        i.width = static_cast<std::uint8_t>(width);
        i.reads = form != 'w';
        i.writes = form != 'r';
        i.reg = stand_in(opcode, modrm >> 3 & 7, width == 1);
        for (std::size_t from = 0; from < size_; ++from)
            if (from <= modrm_at || from >= at_) // what is between them is of the address
                i.by_registers.byte[i.by_registers.size++] = code_[from];
        i.by_registers.byte[modrm_at] = static_cast<unsigned char>(0xc0 | (modrm & 0x38) | i.reg);
        if (prefixes_.rex != 0)
            i.by_registers.byte[prefixes_.size - 1U] &=
                static_cast<unsigned char>(~(more_indices | more_bases));
        return i;
    }

    /// A register that the instruction does not use otherwise.
    std::uint8_t stand_in(unsigned char opcode, unsigned reg_field, bool small) const noexcept
    {
        const bool high_half = small && prefixes_.rex == 0 && reg_field >= 4; // AH, CH, DH, BH
        const std::uint8_t reg =
            high_half ? static_cast<std::uint8_t>(reg_field - 4) : extended(reg_field, more_registers);
        const bool by_cl = (opcode & 0xfe) == 0xd2;
        return reg == rbx && by_cl ? rdx : reg == rbx ? rcx : rbx; // RAX and RDX: of MUL
    }

    /// Of the operand in memory that ModRM names.
    std::uint64_t address() noexcept
    {
        const unsigned char modrm = take();
        const unsigned form = modrm >> 6;
        const unsigned place = modrm & 7;
        std::uint64_t a = prefixes_.fs ? thread_base_ : 0;
        unsigned bytes = form == 1 ? 1 : form == 2 ? 4 : 0;
        if (place == rsp) { // base, index and scale
            const unsigned char sib = take();
            if (const unsigned index = extended(sib >> 3, more_indices); index != rsp)
                a += regs_.r[index] << (sib >> 6);
            if ((sib & 7) == 5 && form == 0)
                bytes = 4; // no base
            else
                a += regs_.r[extended(sib, more_bases)];
        } else if (place == 5 && form == 0) {
            bytes = 4;
            a += pc_ + size_;
        } else {
            a += regs_.r[extended(place, more_bases)];
        }
        return a + number(bytes);
    }

    plain_instruction load_address() noexcept
    {
        const unsigned char modrm = peek();
        if (modrm >> 6 == 3 || prefixes_.small_operand || prefixes_.fs)
            return {};
        const std::uint64_t there = address();
        return {.what = kind::load_address,
                .reg = extended(modrm >> 3, more_registers),
                .address = (prefixes_.rex & wide) != 0 ? there : there & 0xffff'ffff};
    }

    /// CALL and JMP to what a register or a place in memory says.
    plain_instruction through() noexcept
    {
        const unsigned char modrm = peek();
        const bool calls = (modrm >> 3 & 7) == 2;
        if (prefixes_.small_operand)
            return {};
        if (modrm >> 6 == 3)
            return {.what = calls ? kind::call : kind::jump, .address = regs_.r[extended(modrm, more_bases)]};
        return {.what = calls ? kind::call_loaded : kind::jump_loaded, .address = address()};
    }

    std::uint64_t pc_;
    const x86_registers& regs_;
    std::uint64_t thread_base_;
    const unsigned char* code_;
    std::uint8_t size_;
    x86_prefixes prefixes_;
    std::size_t at_;
};

} // namespace

plain_instruction plain_x86_64(std::uint64_t pc, const x86_registers& regs, std::uint64_t thread_base,
                               const code_bytes& code) noexcept
{
    const std::uint8_t size = decode_x86_64(code.byte.data(), code.size).size; // all of it is there
    return size == 0 ? plain_instruction{} : reader(pc, regs, thread_base, code, size).instruction();
}

} // namespace nmisim::explore
