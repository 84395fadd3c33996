// SPDX-License-Identifier: MIT
#include "explore/decode/instruction_x86_64.hpp"

#include <string_view>

namespace nmisim::explore {

namespace {

// What follows an opcode. Letters, one an opcode, so that the tables look like the manual's.
//   .  nothing            m  ModRM               b  one byte            z  four bytes, two with 66
//   B  ModRM and a byte   Z  ModRM and four bytes, two with 66
//   w  two bytes          e  three bytes         v  as z, eight with REX.W     o  an address
//   r  a string: with a repeat prefix each round is a boundary
//   1  rel8 branch        4  rel32 branch        j  rel8 jump           J  rel32 jump    c  rel32 call
//   R  return             P  return and two bytes
//   g  decided by ModRM   ?  not known, or not to be answered
constexpr std::string_view one_byte = "mmmmbz??mmmmbz??"   // 00
                                      "mmmmbz??mmmmbz??"   // 10
                                      "mmmmbz??mmmmbz??"   // 20
                                      "mmmmbz??mmmmbz??"   // 30
                                      "????????????????"   // 40 REX
                                      "................"   // 50
                                      "???m????zZbB????"   // 60
                                      "1111111111111111"   // 70
                                      "BZ?Bmmmmmmmmmmmg"   // 80
                                      "..........?....."   // 90
                                      "oooorrrrbzrrrrrr"   // a0
                                      "bbbbbbbbvvvvvvvv"   // b0
                                      "BBPR??gge.??????"   // c0
                                      "mmmm???.mmmmmmmm"   // d0
                                      "1111????cJ?j????"   // e0
                                      "?????.gg..??..gg";  // f0
constexpr std::string_view two_bytes = "??mm?????????m??"  // 0f 00
                                       "mmmmmmmmmmmmmmmm"  // 10
                                       "????????mmmmmmmm"  // 20
                                       "?.??????????????"  // 30
                                       "mmmmmmmmmmmmmmmm"  // 40
                                       "mmmmmmmmmmmmmmmm"  // 50
                                       "mmmmmmmmmmmmmmmm"  // 60
                                       "BBBBmmm.????mmmm"  // 70
                                       "4444444444444444"  // 80
                                       "mmmmmmmmmmmmmmmm"  // 90
                                       "...mBm??..?mBmmm"  // a0
                                       "mm?mmmmmg?Bmmmmm"  // b0
                                       "mmBmBBBm........"  // c0
                                       "mmmmmmmmmmmmmmmm"  // d0
                                       "mmmmmmmmmmmmmmmm"  // e0
                                       "mmmmmmmmmmmmmmm?"; // f0
static_assert(one_byte.size() == 256 && two_bytes.size() == 256);

constexpr unsigned char rex_w = 8;
constexpr unsigned char rex_b = 1;

class decoder {
public:
    decoder(const unsigned char* code, std::size_t size) noexcept
        : code_(code), size_(size < 15 ? size : 15), prefixes_(prefixes_x86_64(code, size_))
    {}

    x86_instruction instruction() noexcept
    {
        x86_instruction i = body();
        if (at_ > size_ || (i.kind == flow::unknown && !size_is_known_))
            return {};
        i.size = static_cast<std::uint8_t>(at_);
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

    x86_instruction body() noexcept
    {
        at_ = prefixes_.size;
        const unsigned char opcode = take();
        if (opcode == 0xc4 ||
            opcode == 0xc5) // 62, EVEX, is not answered: older disassemblers do not know all of it
            return vector(opcode);
        if (opcode != 0x0f)
            return by(one_byte[opcode], opcode);
        const unsigned char second = take();
        if (second == 0x38 || second == 0x3a) {
            take(); // the opcode: all of a map have the same form
            return by(second == 0x38 ? 'm' : 'B', 0);
        }
        if (second ==
            0x01) { // XGETBV, RDTSCP; of the others some are not for programs, some end a transaction
            const unsigned char third = take();
            return third == 0xd0 || third == 0xf9 ? next() : x86_instruction{};
        }
        if (second == 0x05 || second == 0x0b) // SYSCALL, UD2
            return unanswered();
        if (second == 0xb8) // POPCNT; without its prefix something else
            return prefixes_.repeat == 0xf3 ? by('m', 0) : x86_instruction{};
        if (prefixes_.repeat == 0xf3 && is_of_shadow_stacks(second))
            return {};
        return by(two_bytes[second], second);
    }

    // RDSSP, INCSSP: newer than some disassemblers. ENDBR64 has the same opcode.
    bool is_of_shadow_stacks(unsigned char opcode) const noexcept
    {
        return (opcode == 0x1e && peek() != 0xfa && peek() != 0xfb) ||
               (opcode == 0xae && (peek() >> 3 & 7) >= 4);
    }

    // With a legacy prefix before it VEX is invalid. Of AVX-512's masks the same is true as of EVEX.
    x86_instruction vector(unsigned char first) noexcept
    {
        if (prefixes_.small_operand || prefixes_.repeat != 0 || prefixes_.lock || prefixes_.rex != 0)
            return {};
        const unsigned map = first == 0xc4 ? take() & 0x1f : 1;
        ++at_;
        const unsigned char opcode = take();
        const bool of_masks = (opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x99);
        const bool shuffle =
            (opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6);
        switch (map) {
        case 1:
            if (of_masks)
                return {};
            return opcode == 0x77 ? next() : by(shuffle ? 'B' : 'm', 0); // 77: VZEROUPPER
        case 2: return by('m', 0);
        case 3: return by('B', 0);
        default: return {};
        }
    }

    x86_instruction by(char form, unsigned char opcode) noexcept
    {
        const std::size_t z = prefixes_.small_operand && (prefixes_.rex & rex_w) == 0 ? 2 : 4;
        switch (form) {
        case 'r': return prefixes_.repeat != 0 ? unanswered() : next();
        case '.': return next();
        case 'm': return modrm(0);
        case 'B': return modrm(1);
        case 'Z': return modrm(z);
        case 'b': return next(1);
        case 'w': return next(2);
        case 'e': return next(3);
        case 'z': return next(z);
        case 'v': return next((prefixes_.rex & rex_w) != 0 ? 8 : z);
        case 'o': return next(prefixes_.small_address ? 4 : 8);
        case '1': return relative(flow::branch, 1);
        case '4': return relative(flow::branch, 4);
        case 'j': return relative(flow::jump, 1);
        case 'J': return relative(flow::jump, 4);
        case 'c': return relative(flow::call, 4);
        case 'R': return {prefixes_.small_operand ? flow::unknown : flow::returns, 0, 0, 0};
        case 'P': at_ += 2; return {prefixes_.small_operand ? flow::unknown : flow::returns, 0, 0, 0};
        case 'g': return group(opcode, z);
        default: return {};
        }
    }

    // Its size is known all the same.
    x86_instruction unanswered() noexcept
    {
        size_is_known_ = true;
        return {};
    }

    x86_instruction next(std::size_t immediate = 0) noexcept
    {
        at_ += immediate;
        return {flow::next, 0, 0, 0};
    }

    x86_instruction modrm(std::size_t immediate) noexcept
    {
        const unsigned char byte = take();
        const unsigned mod = byte >> 6;
        const unsigned rm = byte & 7;
        if (mod == 3)
            return next(immediate);
        const bool no_base = mod == 0 && (rm == 4 ? (peek() & 7) == 5 : rm == 5);
        if (rm == 4)
            take();
        at_ += no_base || mod == 2 ? 4 : mod;
        return next(immediate);
    }

    // One opcode, several instructions: the reg field of ModRM tells.
    x86_instruction group(unsigned char opcode, std::size_t z) noexcept
    {
        const unsigned reg = peek() >> 3 & 7;
        switch (opcode) {
        case 0x8f: return reg == 0 ? modrm(0) : x86_instruction{}; // POP; others: XOP
        case 0xc6: return reg == 0 ? modrm(1) : x86_instruction{}; // MOV; XABORT
        case 0xc7: return reg == 0 ? modrm(z) : x86_instruction{}; // MOV; XBEGIN
        case 0xf6: return modrm(reg < 2 ? 1 : 0);                  // TEST has an immediate
        case 0xf7: return modrm(reg < 2 ? z : 0);                  // as above
        case 0xfe: return reg < 2 ? modrm(0) : x86_instruction{};  // INC, DEC
        case 0xff:
            return reg == 2 || reg == 4  ? through() // CALL, JMP
                   : reg < 2 || reg == 6 ? modrm(0)
                                         : x86_instruction{}; // INC, DEC, PUSH
        default: return {};
        }
    }

    // By a register, or by a slot of a jump table. Others read memory that may not be there.
    x86_instruction through() noexcept
    {
        const unsigned char byte = peek();
        const unsigned rm = byte & 7;
        const bool plain =
            !prefixes_.small_operand && !prefixes_.small_address && !prefixes_.fs && !prefixes_.gs;
        if (plain && byte >> 6 == 3) {
            take();
            return {flow::through_reg, 0, static_cast<std::uint8_t>(rm | ((prefixes_.rex & rex_b) << 3)), 0};
        }
        if (plain && byte >> 6 == 0 && rm == 5) {
            take();
            return relative(flow::through_slot, 4);
        }
        modrm(0);
        return unanswered();
    }

    x86_instruction relative(flow kind, std::size_t size) noexcept
    {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value |= static_cast<std::uint32_t>(take()) << (8 * i);
        const auto displacement =
            size == 1 ? static_cast<std::int8_t>(value) : static_cast<std::int32_t>(value);
        if (prefixes_.small_operand) // processors differ
            return {};
        return {kind, 0, 0, displacement};
    }

    const unsigned char* code_;
    std::size_t size_;
    x86_prefixes prefixes_;
    std::size_t at_ = 0;
    bool size_is_known_ = false;
};

} // namespace

x86_prefixes prefixes_x86_64(const unsigned char* code, std::size_t size) noexcept
{
    x86_prefixes p;
    for (; p.size < size; ++p.size) {
        switch (const unsigned char byte = code[p.size]) {
        case 0x66: p.small_operand = true; continue;
        case 0x67: p.small_address = true; continue;
        case 0xf2:
        case 0xf3: p.repeat = byte; continue;
        case 0xf0: p.lock = true; continue;
        case 0x64: p.fs = true; continue;
        case 0x65: p.gs = true; continue;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: continue;
        default: break;
        }
        break;
    }
    if (p.size < size && (code[p.size] & 0xf0) == 0x40)
        p.rex = code[p.size++];
    return p;
}

x86_instruction decode_x86_64(const unsigned char* code, std::size_t size) noexcept
{
    return decoder(code, size).instruction();
}

} // namespace nmisim::explore
