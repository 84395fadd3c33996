// SPDX-License-Identifier: MIT
//
// x86-64: the trap flag (TF) of RFLAGS raises #DB after each instruction; the kernel turns it into SIGTRAP,
// clears TF on the way into any signal handler and keeps it in the saved context (Intel SDM vol. 3, 17.3.1.4).
// steps.cpp and made_steps.cpp have cheaper ways.
#include "explore/step/arch.hpp"

#include <sys/syscall.h>

namespace nmisim::explore::arch {

namespace {

constexpr long long trap_flag = 0x100;
constexpr unsigned char int3 = 0xcc;

greg_t& reg(ucontext_t& at, int which) noexcept
{
    return at.uc_mcontext.gregs[which];
}

greg_t reg(const ucontext_t& at, int which) noexcept
{
    return at.uc_mcontext.gregs[which];
}

} // namespace

// Functions of their own, so that pushfq never meets the red zone of a caller. Traps on their own instructions
// (one or two, as the CPU or the hypervisor has it) are not boundaries: of_the_mechanism(). Where steps are made by breakpoints, one
// stands in place of the call, and the handler makes the call.
asm(R"(
    .text
    .globl nmisim_call_stepped
    .hidden nmisim_call_stepped
    .type nmisim_call_stepped, @function
nmisim_call_stepped:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    cmpb $0, nmisim_begins_by_breakpoint(%rip)
    jne nmisim_stepped_begin
    pushfq
    orq $0x100, (%rsp)
    popfq
    call *%rax
    .globl nmisim_stepped_return
    .hidden nmisim_stepped_return
nmisim_stepped_return:
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_def_cfa %rbp, 16
    .globl nmisim_stepped_begin
    .hidden nmisim_stepped_begin
nmisim_stepped_begin:
    int3
    .cfi_endproc
    .size nmisim_call_stepped, . - nmisim_call_stepped

    .globl nmisim_step_from_here
    .hidden nmisim_step_from_here
    .type nmisim_step_from_here, @function
nmisim_step_from_here:
    .cfi_startproc
    pushfq
    .cfi_adjust_cfa_offset 8
    orq $0x100, (%rsp)
    popfq
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size nmisim_step_from_here, . - nmisim_step_from_here
    .globl nmisim_stepping_end
    .hidden nmisim_stepping_end
nmisim_stepping_end:

    .globl nmisim_self_test_window
    .hidden nmisim_self_test_window
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

std::string_view name() noexcept
{
    return "x86_64";
}

std::uintptr_t ip(const ucontext_t& at) noexcept
{
    return static_cast<std::uintptr_t>(reg(at, REG_RIP));
}

std::uintptr_t stack_pointer(const ucontext_t& at) noexcept
{
    return static_cast<std::uintptr_t>(reg(at, REG_RSP));
}

void set_ip(ucontext_t& at, std::uintptr_t ip) noexcept
{
    reg(at, REG_RIP) = static_cast<greg_t>(ip);
}

void set_single_step(ucontext_t& at, bool on) noexcept
{
    if (on)
        reg(at, REG_EFL) |= trap_flag;
    else
        reg(at, REG_EFL) &= ~trap_flag;
}

bool is_system_call(const unsigned char* code) noexcept
{
    return code[0] == 0x0f && code[1] == 0x05;
}

std::size_t system_call_size() noexcept
{
    return 2;
}

system_call system_call_of(const ucontext_t& at) noexcept
{
    return {static_cast<long>(reg(at, REG_RAX)),
            {static_cast<long>(reg(at, REG_RDI)), static_cast<long>(reg(at, REG_RSI)),
             static_cast<long>(reg(at, REG_RDX)), static_cast<long>(reg(at, REG_R10)),
             static_cast<long>(reg(at, REG_R8)), static_cast<long>(reg(at, REG_R9))}};
}

void finish_system_call(ucontext_t& at, long result) noexcept
{
    const greg_t next = reg(at, REG_RIP) + 2;
    reg(at, REG_RAX) = result;
    reg(at, REG_RCX) = next;
    reg(at, REG_R11) = reg(at, REG_EFL);
    reg(at, REG_RIP) = next;
}

long raw_system_call(long nr, long a, long b, long c, long d, long e, long f) noexcept
{
    long result;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

bool forks(long nr) noexcept
{
    return nr == SYS_fork || nr == SYS_vfork;
}

bool older_wait_has_time_out(long nr, const std::uint64_t (&arg)[6]) noexcept
{
    switch (nr) {
    case SYS_poll: return static_cast<int>(arg[2]) >= 0;
    case SYS_select: return arg[4] != 0;
    case SYS_epoll_wait: return static_cast<int>(arg[3]) >= 0;
    default: return false;
    }
}

bool older_wait_is_for_a_signal(const system_call& call) noexcept
{
    return call.nr == SYS_pause ||
           (call.nr == SYS_poll && call.arg[1] == 0 && static_cast<int>(call.arg[2]) < 0);
}

bool polls(long nr) noexcept
{
    return nr == SYS_poll || nr == SYS_ppoll;
}

std::size_t breakpoint_size() noexcept
{
    return 1;
}

std::uintptr_t breakpoint_address(const ucontext_t& at) noexcept
{
    return ip(at) - 1;
}

void write_breakpoint(unsigned char* code, std::array<unsigned char, max_opcode>& saved) noexcept
{
    saved[0] = *code;
    *static_cast<volatile unsigned char*>(code) = int3;
}

void restore_code(unsigned char* code, const std::array<unsigned char, max_opcode>& saved) noexcept
{
    *static_cast<volatile unsigned char*>(code) = saved[0];
}

std::uintptr_t jump_slot(const std::uintptr_t* ip, const code_bytes* code, std::size_t at) noexcept
{
    constexpr std::size_t longest_jump = 7;
    if (code[at].size < longest_jump)
        return 0;
    const unsigned char* p = code[at].byte.data();
    const unsigned char* start = p;
    if (p[0] == 0xf2 || p[0] == 0x3e || p[0] == 0x67) // bnd, notrack or padding prefix
        ++p;
    if (p[0] != 0xff || (p[1] != 0x25 && p[1] != 0x15)) // jmp, call *disp32(%rip)
        return 0;
    std::int32_t displacement = 0;
    for (int i = 3; i >= 0; --i)
        displacement = static_cast<std::int32_t>(static_cast<std::uint32_t>(displacement) << 8 | p[2 + i]);
    return ip[at] + static_cast<std::uintptr_t>(p - start) + 6 +
           static_cast<std::uintptr_t>(std::intptr_t{displacement});
}

// CALL: e8, and ff with 2 in the reg field of its ModRM byte; prefixes before it (Intel SDM vol. 2, CALL).
bool was_call(const std::uintptr_t*, const code_bytes* code, std::size_t at) noexcept
{
    const unsigned char* p = code[at].byte.data();
    const unsigned char* last = p + (code[at].size > 1 ? code[at].size - 2 : 0);
    while (p < last &&
           (*p == 0x66 || *p == 0x67 || *p == 0xf2 || *p == 0x3e || *p == 0x2e || (*p & 0xf0) == 0x40))
        ++p;
    return *p == 0xe8 || (*p == 0xff && (p[1] >> 3 & 7) == 2);
}

// RET takes the return address off the stack, which `entry_sp` points to.
bool has_returned(std::uintptr_t, std::uintptr_t entry_sp, std::uintptr_t, std::uintptr_t sp) noexcept
{
    return sp > entry_sp;
}

} // namespace nmisim::explore::arch
