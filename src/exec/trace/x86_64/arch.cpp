// SPDX-License-Identifier: MIT
#include "exec/trace/arch.hpp"

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
