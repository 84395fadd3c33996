// SPDX-License-Identifier: MIT
//
// aarch64: a step is a one-shot BRK on the one instruction that follows, known from the instruction and the
// registers (successors_aarch64.hpp). A call into code that cannot be written (the vDSO) is one step.
#include "explore/step/arch.hpp"

#include "explore/decode/successors_aarch64.hpp"
#include "explore/step/breakpoint.hpp"

#include <sys/syscall.h>

namespace nmisim::explore::arch {

namespace {

constexpr std::uint32_t brk = 0xd4200000 | 0x4e53 << 5;
constexpr std::uint32_t svc = 0xd4000001;
constexpr std::size_t instruction_size = 4;

// The step that is under way. Each thread has its own, but one thread runs at a time.
struct planned_step {
    bool wanted = false;
    unsigned count = 0;
    std::array<std::uintptr_t, 4> at{};
    std::array<bool, 4> written{}; ///< false: a breakpoint of the table is there already
    std::array<std::array<unsigned char, max_opcode>, 4> saved{};
};
constinit thread_local planned_step step [[gnu::tls_model("initial-exec")]]{};

// Data and instruction caches are not coherent here. Not __clear_cache(): nothing outside is called.
void sync_code(const unsigned char* code) noexcept
{
    asm volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" : : "r"(code) : "memory");
}

void write_code(unsigned char* code, std::uint32_t instruction) noexcept
{
    *reinterpret_cast<volatile std::uint32_t*>(code) = instruction;
    sync_code(code);
}

std::uint32_t read_instruction(const void* code) noexcept
{
    return *static_cast<const volatile std::uint32_t*>(code);
}

// As it is without breakpoints.
std::uint32_t original_at(std::uint64_t address) noexcept
{
    const breakpoint* b = find_breakpoint(address);
    if (b != nullptr && b->planted)
        return read_instruction(b->saved.data());
    return read_instruction(reinterpret_cast<const void*>(address));
}

unsigned char* code_of(std::uintptr_t address) noexcept
{
    return reinterpret_cast<unsigned char*>(address);
}

void take_step_out() noexcept
{
    for (unsigned i = 0; i < step.count; ++i)
        if (step.written[i])
            restore_code(code_of(step.at[i]), step.saved[i]);
    step.count = 0;
}

void put_step_at(std::uintptr_t address) noexcept
{
    const breakpoint* b = find_breakpoint(address);
    const unsigned i = step.count++;
    step.at[i] = address;
    step.written[i] = b == nullptr || !b->planted;
    if (step.written[i])
        write_breakpoint(code_of(address), step.saved[i]);
}

} // namespace

// BRK starts the stepping: the SIGTRAP handler goes on behind it and steps from there.
asm(R"(
    .text
    .globl nmisim_call_stepped
    .type nmisim_call_stepped, @function
nmisim_call_stepped:
    .cfi_startproc
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset 29, -16
    .cfi_offset 30, -8
    mov x29, sp
    mov x9, x0
    mov x0, x1
    mov x1, x2
    mov x2, x3
    .globl nmisim_start_in_call
nmisim_start_in_call:
    brk #0x4e53
    blr x9
    .globl nmisim_stepped_return
nmisim_stepped_return:
    ldp x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size nmisim_call_stepped, . - nmisim_call_stepped

    .globl nmisim_step_from_here
    .type nmisim_step_from_here, @function
nmisim_step_from_here:
    .cfi_startproc
    brk #0x4e53
    ret
    .cfi_endproc
    .size nmisim_step_from_here, . - nmisim_step_from_here
    .globl nmisim_stepping_end
nmisim_stepping_end:

    .globl nmisim_self_test_window
    .type nmisim_self_test_window, @function
nmisim_self_test_window:
    .cfi_startproc
    .rept 15
    nop
    .endr
    ret
    .cfi_endproc
    .size nmisim_self_test_window, . - nmisim_self_test_window
)");
extern "C" const char nmisim_start_in_call[];

std::string_view name() noexcept
{
    return "aarch64";
}

std::uintptr_t ip(const ucontext_t& at) noexcept
{
    return at.uc_mcontext.pc;
}

std::uintptr_t stack_pointer(const ucontext_t& at) noexcept
{
    return static_cast<std::uintptr_t>(at.uc_mcontext.sp);
}

void set_ip(ucontext_t& at, std::uintptr_t ip) noexcept
{
    at.uc_mcontext.pc = ip;
}

void set_single_step(ucontext_t&, bool on) noexcept
{
    step.wanted = on;
    if (!on)
        take_step_out();
}

bool end_of_step(ucontext_t& at) noexcept
{
    const std::uintptr_t here = ip(at);
    if (here == reinterpret_cast<std::uintptr_t>(nmisim_start_in_call) ||
        here == reinterpret_cast<std::uintptr_t>(nmisim_step_from_here)) {
        set_ip(at, here + instruction_size);
        step.wanted = true;
        return true;
    }
    for (unsigned i = 0; i < step.count; ++i)
        if (step.at[i] == here) {
            take_step_out();
            return true;
        }
    return false;
}

// Threads share their code: the exploring thread may run into it in libc. A BRK of the program has another number.
bool step_of_another_thread(ucontext_t& at) noexcept
{
    constexpr std::uint32_t any_brk_mask = 0xffe0001f;
    const std::uint32_t code = read_instruction(code_of(ip(at)));
    if (code != brk && (code & any_brk_mask) == (brk & any_brk_mask))
        return false;
    raw_system_call(SYS_sched_yield);
    return true;
}

bool end_of_detour(ucontext_t&) noexcept
{
    return false;
}

void step_by_breakpoints(bool) noexcept {}

bool step_by_flag(bool) noexcept
{
    return false;
}

std::uint32_t leap_instead(const std::uintptr_t*, const code_bytes*, std::uint32_t, std::uint32_t) noexcept
{
    return 1;
}

bool is_makeable(const code_bytes&) noexcept
{
    return false;
}

bool make_step(ucontext_t&, const code_bytes&, const interrupted&) noexcept
{
    return false;
}

void forget_step() noexcept
{
    step.wanted = false;
    take_step_out();
}

void prepare_step(ucontext_t& at) noexcept
{
    take_step_out();
    if (!step.wanted)
        return;
    aarch64_registers regs{};
    for (unsigned i = 0; i < regs.x.size(); ++i)
        regs.x[i] = at.uc_mcontext.regs[i];
    regs.nzcv = at.uc_mcontext.pstate;
    const successors next = successors_of(ip(at), regs, original_at);
    for (unsigned i = 0; i < next.count; ++i) {
        const bool calls = is_call(original_at(ip(at)));
        const std::uintptr_t returns_to = calls ? ip(at) + instruction_size : regs.x[30];
        if (make_code_writable(next.at[i]))
            put_step_at(next.at[i]);
        else if (next.at[i] != returns_to && make_code_writable(returns_to)) // through the vDSO
            put_step_at(returns_to);
    }
}

bool is_system_call(const unsigned char* code) noexcept
{
    return read_instruction(code) == svc;
}

std::size_t system_call_size() noexcept
{
    return instruction_size;
}

system_call system_call_of(const ucontext_t& at) noexcept
{
    const auto& x = at.uc_mcontext.regs;
    return {static_cast<long>(x[8]),
            {static_cast<long>(x[0]), static_cast<long>(x[1]), static_cast<long>(x[2]),
             static_cast<long>(x[3]), static_cast<long>(x[4]), static_cast<long>(x[5])}};
}

void finish_system_call(ucontext_t& at, long result) noexcept
{
    at.uc_mcontext.regs[0] = static_cast<unsigned long long>(result);
    at.uc_mcontext.pc += instruction_size;
}

long raw_system_call(long nr, long a, long b, long c, long d, long e, long f) noexcept
{
    register long x8 asm("x8") = nr;
    register long x0 asm("x0") = a;
    register long x1 asm("x1") = b;
    register long x2 asm("x2") = c;
    register long x3 asm("x3") = d;
    register long x4 asm("x4") = e;
    register long x5 asm("x5") = f;
    asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

bool forks(long) noexcept
{
    return false; // clone and clone3 only
}

bool older_wait_has_time_out(long, const std::uint64_t (&)[6]) noexcept
{
    return false;
}

bool older_wait_is_for_a_signal(const system_call&) noexcept
{
    return false;
}

bool polls(long nr) noexcept
{
    return nr == SYS_ppoll;
}

bool is_whole(const code_bytes& code) noexcept
{
    return code.size >= breakpoint_size();
}

std::size_t breakpoint_size() noexcept
{
    return instruction_size;
}

std::uintptr_t breakpoint_address(const ucontext_t& at) noexcept
{
    return ip(at);
}

void write_breakpoint(unsigned char* code, std::array<unsigned char, max_opcode>& saved) noexcept
{
    *reinterpret_cast<volatile std::uint32_t*>(saved.data()) = read_instruction(code);
    write_code(code, brk);
}

void restore_code(unsigned char* code, const std::array<unsigned char, max_opcode>& saved) noexcept
{
    write_code(code, read_instruction(saved.data()));
}

// An entry of the PLT: adrp x16, page; ldr x17, [x16, #offset]; add x16, x16, #offset; br x17.
std::uintptr_t jump_slot(const std::uintptr_t* ip, const code_bytes* code, std::size_t at) noexcept
{
    constexpr std::uint32_t br_x17 = 0xd61f0220;
    if (at < 3 || ip[at] - ip[at - 3] != 12 || read_instruction(code[at].byte.data()) != br_x17)
        return 0;
    const std::uint32_t adrp = read_instruction(code[at - 3].byte.data());
    const std::uint32_t ldr = read_instruction(code[at - 2].byte.data());
    if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
        return 0;
    const std::uint64_t pages = (adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
    constexpr std::uint64_t sign = std::uint64_t{1} << 20;
    const std::uint64_t page = (ip[at - 3] & ~std::uint64_t{0xfff}) + (((pages ^ sign) - sign) << 12);
    return page + (ldr >> 10 & 0xfff) * 8;
}

// A call into the vDSO is one step: it comes from the call and has returned already.
bool was_call(const std::uintptr_t* ip, const code_bytes* code, std::size_t at) noexcept
{
    return is_call(read_instruction(code[at].byte.data())) && ip[at + 1] != ip[at] + instruction_size;
}

// The return address is in a register: the stack pointer at the return is that of the entry.
bool has_returned(std::uintptr_t call, std::uintptr_t entry_sp, std::uintptr_t ip, std::uintptr_t sp) noexcept
{
    return sp > entry_sp || (sp == entry_sp && ip == call + instruction_size);
}

} // namespace nmisim::explore::arch
