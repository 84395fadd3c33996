// SPDX-License-Identifier: MIT
#include "exec/trace/arch.hpp"

#include "exec/trace/memory.hpp"

#include <csignal>
#include <cstring>

#include <linux/audit.h>
#include <sys/ptrace.h>
#include <sys/user.h>

namespace nmisim::exec {

namespace {

static_assert(sizeof(user_regs_struct) <= sizeof(saved_registers::raw));

user_regs_struct in(const saved_registers& r) noexcept
{
    user_regs_struct u;
    std::memcpy(&u, r.raw.data(), sizeof u);
    return u;
}

void put(saved_registers& r, const user_regs_struct& u) noexcept
{
    std::memcpy(r.raw.data(), &u, sizeof u);
}

constexpr std::uint64_t no_call = ~std::uint64_t{0};

// The kernel's own, which <signal.h> hides.
constexpr std::uint64_t sa_restorer = 0x04000000;

} // namespace

const char* arch_absent() noexcept
{
    return nullptr;
}

bool read_registers(pid_t tid, saved_registers& to) noexcept
{
    return ptrace(PTRACE_GETREGS, tid, nullptr, to.raw.data()) == 0;
}

bool write_registers(pid_t tid, const saved_registers& from) noexcept
{
    return ptrace(PTRACE_SETREGS, tid, nullptr, from.raw.data()) == 0;
}

interrupted interrupted_by(const saved_registers& r) noexcept
{
    const user_regs_struct u = in(r);
    return {.ip = u.rip,
            .sp = u.rsp,
            .call = static_cast<long>(u.orig_rax),
            .result = static_cast<long>(u.rax),
            .arg = {u.rdi, u.rsi, u.rdx, u.r10, u.r8, u.r9}};
}

void move_to(saved_registers& r, std::uintptr_t ip) noexcept
{
    user_regs_struct u = in(r);
    u.rip = ip;
    u.orig_rax = no_call; // or the kernel would look for a call to restart, and move rip
    put(r, u);
}

void set_call(saved_registers& r, long nr, const std::array<std::uint64_t, 6>& arg) noexcept
{
    user_regs_struct u = in(r);
    u.rax = static_cast<std::uint64_t>(nr);
    u.orig_rax = no_call;
    u.rdi = arg[0];
    u.rsi = arg[1];
    u.rdx = arg[2];
    u.r10 = arg[3];
    u.r8 = arg[4];
    u.r9 = arg[5];
    put(r, u);
}

void skip_call(saved_registers& r, long result) noexcept
{
    user_regs_struct u = in(r);
    u.orig_rax = no_call;
    u.rax = static_cast<std::uint64_t>(result);
    put(r, u);
}

void set_argument(saved_registers& r, int index, std::uint64_t value) noexcept
{
    user_regs_struct u = in(r);
    decltype(&u.rdi) const arg[] = {&u.rdi, &u.rsi, &u.rdx, &u.r10, &u.r8, &u.r9};
    *arg[index] = value;
    put(r, u);
}

long call_made_by(const saved_registers& r, std::uint64_t code) noexcept
{
    constexpr std::uint64_t syscall_bytes = 0x050f;
    return (code & 0xffff) == syscall_bytes ? static_cast<long>(in(r).rax) : -1;
}

bool is_atomic(std::uint64_t code) noexcept
{
    constexpr std::uint8_t lock = 0xf0;
    constexpr std::uint8_t operand_size = 0x66;
    constexpr std::uint8_t exchange = 0x86; // and 0x87; with memory it locks by itself
    auto byte = static_cast<std::uint8_t>(code);
    for (; byte == operand_size || (byte & 0xf0) == 0x40; byte = static_cast<std::uint8_t>(code)) // REX
        code >>= 8;
    const auto operands = static_cast<std::uint8_t>(code >> 8);
    return byte == lock || ((byte & 0xfe) == exchange && operands < 0xc0);
}

// The kernel's struct rt_sigframe: the address of the restorer, then the ucontext, which tells the alternate stack.
entered_handler handler_entered(pid_t tid, const saved_registers& r) noexcept
{
    constexpr std::uintptr_t ss_sp = 24;
    constexpr std::uintptr_t ss_size = 40;
    const std::uintptr_t frame = in(r).rsp;
    entered_handler h;
    h.back = read_word(tid, frame).value_or(0);
    h.back_sp = frame + 8;
    const std::uintptr_t low = read_word(tid, frame + ss_sp).value_or(0);
    const std::uintptr_t high = low + read_word(tid, frame + ss_size).value_or(0);
    if (low <= frame && frame < high) {
        h.stack_low = low;
        h.stack_high = high;
    }
    return h;
}

std::uintptr_t returns_to(pid_t tid, std::uintptr_t sp) noexcept
{
    return read_word(tid, sp).value_or(0);
}

std::uint64_t with_breakpoint(std::uint64_t code) noexcept
{
    constexpr std::uint64_t int3 = 0xcc;
    return without_breakpoint(code, int3);
}

std::uint64_t without_breakpoint(std::uint64_t now, std::uint64_t before) noexcept
{
    constexpr std::uint64_t first_byte = 0xff;
    return (now & ~first_byte) | (before & first_byte);
}

std::uintptr_t breakpoint_behind(const saved_registers& r) noexcept
{
    return in(r).rip - 1;
}

std::uintptr_t thread_pointer(const saved_registers& r) noexcept
{
    return in(r).fs_base;
}

std::span<const std::uint64_t> system_call_code() noexcept
{
    static constexpr std::array<std::uint64_t, 1> code{0x90909090cccc050f}; // syscall; int3; int3; nop...
    return code;
}

stub stub_at(std::uintptr_t page, bool restart) noexcept
{
    stub s{};
    s.words[stub::handler / 8] = 0xccccccccccccccc3;      // ret
    s.words[stub::restorer / 8] = 0x0f0000000fc0c748;     // mov $15,%rax; syscall (rt_sigreturn)
    s.words[stub::restorer / 8 + 1] = 0xcccccccccccccc05; // ... its second byte
    s.words[stub::gate / 8] = system_call_code().front();
    std::uint64_t flags = sa_restorer | SA_SIGINFO | SA_ONSTACK;
    if (restart)
        flags |= SA_RESTART;
    s.words[stub::action / 8] = page + stub::handler;
    s.words[stub::action / 8 + 1] = flags;
    s.words[stub::action / 8 + 2] = page + stub::restorer;
    s.words[stub::action / 8 + 3] = 0; // no other signal is blocked
    return s;
}

std::uint32_t audit_arch() noexcept
{
    return AUDIT_ARCH_X86_64;
}

} // namespace nmisim::exec
