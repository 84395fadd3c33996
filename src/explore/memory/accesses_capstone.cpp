// SPDX-License-Identifier: MIT
//
// x86-64 by capstone. Operands are in the order of Intel's manual: the destination is first.
#include "explore/memory/accesses.hpp"

#include <capstone/capstone.h>

#include <algorithm>
#include <string_view>

#include <asm/prctl.h>
#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

// Kept until the process ends. 0: there is none, and nothing is decoded.
csh open_decoder()
{
    csh handle = 0;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
        return 0;
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    return handle;
}

/// For a register that is no address in itself: a vector of indices, or half of one.
constexpr int not_an_address = -2;

int number_of(x86_reg r)
{
    switch (r) {
    case X86_REG_INVALID: return memory_operand::no_register;
    case X86_REG_RAX: return REG_RAX;
    case X86_REG_RBX: return REG_RBX;
    case X86_REG_RCX: return REG_RCX;
    case X86_REG_RDX: return REG_RDX;
    case X86_REG_RSI: return REG_RSI;
    case X86_REG_RDI: return REG_RDI;
    case X86_REG_RBP: return REG_RBP;
    case X86_REG_RSP: return REG_RSP;
    case X86_REG_R8: return REG_R8;
    case X86_REG_R9: return REG_R9;
    case X86_REG_R10: return REG_R10;
    case X86_REG_R11: return REG_R11;
    case X86_REG_R12: return REG_R12;
    case X86_REG_R13: return REG_R13;
    case X86_REG_R14: return REG_R14;
    case X86_REG_R15: return REG_R15;
    case X86_REG_RIP: return REG_RIP;
    case X86_REG_RIZ: return memory_operand::no_register;
    default: return not_an_address;
    }
}

/// Without its prefixes: "rep stosq", "lock orq".
std::string_view plain_name(const cs_insn& i)
{
    const std::string_view name = i.mnemonic;
    const std::size_t space = name.rfind(' ');
    return space == name.npos ? name : name.substr(space + 1);
}

bool starts_with_one_of(std::string_view text, std::initializer_list<std::string_view> starts)
{
    return std::any_of(starts.begin(), starts.end(), [&](std::string_view s) { return text.starts_with(s); });
}

/// The first operand is only read, or nothing is done with it.
bool only_reads(std::string_view name)
{
    return starts_with_one_of(name, {"cmp",   "test",  "push",   "call",     "jmp",     "mul",      "imul",
                                     "div",   "idiv",  "nop",    "prefetch", "ldmxcsr", "vldmxcsr", "fld",
                                     "fild",  "fadd",  "fsub",   "fmul",     "fdiv",    "fiadd",    "fisub",
                                     "fimul", "fidiv", "fcom",   "ficom",    "lods",    "scas",     "clflush",
                                     "clwb",  "comis", "ucomis", "ptest",    "vptest"}) &&
           !starts_with_one_of(name, {"cmpxchg"});
}

/// The first operand is only written.
bool only_writes(std::string_view name)
{
    return starts_with_one_of(name,
                              {"mov", "vmov", "set", "stos", "fst", "fist", "fnst", "pop", "pextr", "vpextr",
                               "extractps", "vextract", "stmxcsr", "vstmxcsr", "sgdt", "sidt"});
}

/// What capstone says of an operand, corrected.
void set_access(memory_operand& o, const cs_insn& i, unsigned number)
{
    const std::string_view name = plain_name(i);
    const cs_x86& x = i.detail->x86;
    const bool exchanges = name.find("xchg") != name.npos || name.find("xadd") != name.npos;
    o.reads = o.writes = true;
    if (exchanges || x.prefix[0] == X86_PREFIX_LOCK)
        return;
    if (number != 0) // a source; also of movs, cmps
        o.writes = (x.operands[number].access & CS_AC_WRITE) != 0;
    else if (only_reads(name) || name == "bt")
        o.writes = false;
    else if (only_writes(name))
        o.reads = false;
}

const char* why_refused(const cs_insn& i)
{
    const std::string_view name = plain_name(i);
    const cs_x86& x = i.detail->x86;
    if (starts_with_one_of(name, {"xsave",   "xrstor",   "fxsave",    "fxrstor", "fnsave",  "fsave", "frstor",
                                  "maskmov", "vmaskmov", "vpmaskmov", "xlat",    "enter",   "iret",  "insb",
                                  "insd",    "insw",     "outs",      "fldenv",  "fnstenv", "xbegin"}))
        return "what it touches is not known";
    bool in_memory = false;
    bool masked = false;
    for (unsigned n = 0; n < x.op_count; ++n) {
        const cs_x86_op& o = x.operands[n];
        in_memory = in_memory || o.type == X86_OP_MEM;
        masked = masked || (n != 0 && o.type == X86_OP_REG && o.reg >= X86_REG_K0 && o.reg <= X86_REG_K7);
    }
    return in_memory && masked ? "what of it is masked is not known" : nullptr;
}

bool touches_no_memory(std::string_view name)
{
    return starts_with_one_of(name, {"lea", "nop", "prefetch"}) && name != "leave";
}

/// Not nullptr: where it reads or writes cannot be told from the registers that a context has.
const char* why_no_address(const cs_insn& i)
{
    const std::string_view name = plain_name(i);
    const cs_x86& x = i.detail->x86;
    if (touches_no_memory(name))
        return nullptr;
    if (starts_with_one_of(name, {"vpscatter", "vscatter", "vpgather", "vgather"}))
        return "addresses in a vector";
    for (unsigned n = 0; n < x.op_count; ++n) {
        const cs_x86_op& o = x.operands[n];
        if (o.type != X86_OP_MEM)
            continue;
        if (number_of(o.mem.base) == not_an_address || number_of(o.mem.index) == not_an_address)
            return "an address that is no sum of registers";
        if (o.mem.segment == X86_REG_GS)
            return "an address in segment gs";
        if (n == 0 && name.starts_with("bt") && x.op_count == 2 && x.operands[1].type == X86_OP_REG)
            return "a bit of a string of bits";
    }
    return nullptr;
}

/// What push, call, pop and ret do to the stack is no operand.
void add_stack(instruction& into, const cs_insn& i)
{
    const std::string_view name = plain_name(i);
    const bool writes = name.starts_with("push") || name.starts_with("call");
    const bool reads = name.starts_with("pop") || name.starts_with("ret") || name == "leave";
    if ((!writes && !reads) || name.starts_with("popcnt"))
        return;
    memory_operand& o = into.operand[into.operands++];
    o.base = static_cast<std::int8_t>(name == "leave" ? REG_RBP : REG_RSP);
    o.displacement = writes ? -8 : 0;
    o.size = 8;
    o.reads = reads;
    o.writes = writes;
}

void add_operands(instruction& into, const cs_insn& i)
{
    const bool repeats = std::string_view(i.mnemonic).starts_with("rep");
    const cs_x86& x = i.detail->x86;
    if (touches_no_memory(plain_name(i)))
        return;
    for (unsigned n = 0; n < x.op_count && into.operands < into.operand.size() - 1; ++n) {
        const cs_x86_op& from = x.operands[n];
        if (from.type != X86_OP_MEM)
            continue;
        memory_operand& o = into.operand[into.operands++];
        const int base = number_of(from.mem.base);
        const int index = number_of(from.mem.index);
        o.base = static_cast<std::int8_t>(base);
        o.index = static_cast<std::int8_t>(index);
        o.scale = static_cast<std::uint8_t>(from.mem.scale);
        o.displacement = from.mem.disp + (base == REG_RIP ? static_cast<std::int64_t>(i.size) : 0);
        o.thread_local_base = from.mem.segment == X86_REG_FS;
        o.size = from.size;
        set_access(o, i, n);
        o.repeated = repeats;
        if (into.refused != nullptr) { // as much as any of them touches
            o.size = 4096;
            o.reads = o.writes = true;
        }
    }
}

} // namespace

const char* decoding_absent() noexcept
{
    return "";
}

bool decode(std::uintptr_t ip, const code_bytes& code, instruction& into)
{
    static const csh decoder = open_decoder();
    into = {};
    into.ip = ip;
    cs_insn* i = nullptr;
    if (decoder == 0 || cs_disasm(decoder, code.byte.data(), code.size, ip, 1, &i) != 1)
        return false;
    const cs_x86& x = i->detail->x86;
    into.length = static_cast<std::uint8_t>(i->size);
    if (const char* const why = why_no_address(*i); why != nullptr) {
        into.refused = why;
    } else {
        into.refused = why_refused(*i);
        add_operands(into, *i);
        add_stack(into, *i);
    }
    // Intel SDM vol. 3, 9.2.3.9 and 12.3: locked instructions, xchg with memory, mfence and serialising ones. lfence and
    // sfence do not.
    const std::string_view name = plain_name(*i);
    into.empties_buffer = x.prefix[0] == X86_PREFIX_LOCK || (name == "xchg" && into.operands != 0) ||
                          name == "mfence" || name == "cpuid" || name == "serialize" || name == "iretq";
    into.system_call = name == "syscall";
    into.non_temporal = starts_with_one_of(name, {"movnt", "vmovnt"});
    into.calls = cs_insn_group(decoder, i, CS_GRP_CALL);
    const bool jumps = cs_insn_group(decoder, i, CS_GRP_JUMP);
    into.branches = (jumps && name != "jmp") || name.starts_with("loop");
    if ((into.calls || jumps || into.branches) && x.op_count == 1) {
        const cs_x86_op& to = x.operands[0]; // of a loop always a number
        if (to.type == X86_OP_IMM)
            into.target = static_cast<std::uintptr_t>(to.imm);
        if (to.type == X86_OP_REG)
            into.target_register = static_cast<std::int8_t>(number_of(to.reg));
        into.indirect = into.target_register >= 0 || to.type == X86_OP_MEM;
    }
    cs_free(i, 1);
    return true;
}

std::uintptr_t register_of(const ucontext_t& at, std::int8_t number) noexcept
{
    return static_cast<std::uintptr_t>(at.uc_mcontext.gregs[number]);
}

byte_range range_of(const memory_operand& o, const ucontext_t& at, std::uintptr_t thread_base) noexcept
{
    const auto value = [&at](std::int8_t number) { return number < 0 ? 0 : register_of(at, number); };
    byte_range r{value(o.base) + value(o.index) * o.scale + static_cast<std::uintptr_t>(o.displacement) +
                     (o.thread_local_base ? thread_base : 0),
                 o.size};
    if (!o.repeated)
        return r;
    constexpr greg_t direction_flag = 0x400;
    const std::size_t rounds = value(REG_RCX);
    if ((at.uc_mcontext.gregs[REG_EFL] & direction_flag) != 0 && rounds != 0)
        r.address -= (rounds - 1) * o.size;
    r.size = rounds * o.size;
    return r;
}

std::uintptr_t own_thread_base() noexcept
{
    std::uintptr_t base = 0;
    arch::raw_system_call(SYS_arch_prctl, ARCH_GET_FS, reinterpret_cast<long>(&base));
    return base;
}

} // namespace nmisim::explore
