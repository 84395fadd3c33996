// SPDX-License-Identifier: MIT
#include "explore/step/x86_64/out_of_line.hpp"

#include "explore/step/breakpoint.hpp"

#include <array>
#include <atomic>

namespace nmisim::explore::out_of_line {

namespace {

constexpr std::size_t slot_size = 16;
constexpr std::uint64_t trap_flag = 0x100;
std::atomic_flag busy = ATOMIC_FLAG_INIT;

} // namespace

// The stack pointer is the program's while the copy runs: no signal can come then. MOV leaves the flags alone. All that this
// writes beside the stack is in .data.
asm(R"(
    .text
    .p2align 4
    .globl nmisim_run_out_of_line
    .hidden nmisim_run_out_of_line
    .type nmisim_run_out_of_line, @function
nmisim_run_out_of_line:
    .cfi_startproc
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rdi, nmisim_out_of_line_registers(%rip)
    movq %rsp, nmisim_out_of_line_stack(%rip)
    pushq 128(%rdi)
    popfq
    movq 0(%rdi), %rax
    movq 8(%rdi), %rcx
    movq 16(%rdi), %rdx
    movq 24(%rdi), %rbx
    movq 32(%rdi), %rsp
    movq 40(%rdi), %rbp
    movq 48(%rdi), %rsi
    movq 64(%rdi), %r8
    movq 72(%rdi), %r9
    movq 80(%rdi), %r10
    movq 88(%rdi), %r11
    movq 96(%rdi), %r12
    movq 104(%rdi), %r13
    movq 112(%rdi), %r14
    movq 120(%rdi), %r15
    movq 56(%rdi), %rdi
    .p2align 4, 0x90
    .globl nmisim_out_of_line_slot
    .hidden nmisim_out_of_line_slot
nmisim_out_of_line_slot:
    .fill 16, 1, 0x90
    movq %rdi, nmisim_out_of_line_rdi(%rip)
    movq nmisim_out_of_line_registers(%rip), %rdi
    movq %rax, 0(%rdi)
    movq %rcx, 8(%rdi)
    movq %rdx, 16(%rdi)
    movq %rbx, 24(%rdi)
    movq %rsp, 32(%rdi)
    movq %rbp, 40(%rdi)
    movq %rsi, 48(%rdi)
    movq %r8, 64(%rdi)
    movq %r9, 72(%rdi)
    movq %r10, 80(%rdi)
    movq %r11, 88(%rdi)
    movq %r12, 96(%rdi)
    movq %r13, 104(%rdi)
    movq %r14, 112(%rdi)
    movq %r15, 120(%rdi)
    movq nmisim_out_of_line_rdi(%rip), %rax
    movq %rax, 56(%rdi)
    movq nmisim_out_of_line_stack(%rip), %rsp
    pushfq
    popq 128(%rdi)
    cld
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
    .cfi_endproc
    .size nmisim_run_out_of_line, . - nmisim_run_out_of_line

    .local nmisim_out_of_line_registers
    .comm nmisim_out_of_line_registers, 8, 8
    .local nmisim_out_of_line_stack
    .comm nmisim_out_of_line_stack, 8, 8
    .local nmisim_out_of_line_rdi
    .comm nmisim_out_of_line_rdi, 8, 8
)");

extern "C" {
[[gnu::visibility("hidden")]] void
nmisim_run_out_of_line(nmisim::explore::out_of_line::registers* with) noexcept;
[[gnu::visibility("hidden")]] extern unsigned char nmisim_out_of_line_slot[slot_size];
}

namespace {

// By two stores: each makes the processor fetch the code again.
void put_in_slot(const code_bytes& code) noexcept
{
    constexpr std::uint64_t nop = 0x90;
    constexpr std::uint64_t nops = 0x9090'9090'9090'9090;
    std::array<std::uint64_t, 2> halves{nops, nops};
    for (std::size_t i = 0; i < code.size; ++i)
        halves[i / 8] ^= (code.byte[i] ^ nop) << 8 * (i % 8);
    auto* const slot = reinterpret_cast<volatile std::uint64_t*>(nmisim_out_of_line_slot);
    slot[0] = halves[0];
    slot[1] = halves[1];
}

} // namespace

bool begin() noexcept
{
    const auto slot = reinterpret_cast<std::uintptr_t>(nmisim_out_of_line_slot);
    return make_code_writable(slot) && make_code_writable(slot + slot_size - 1);
}

bool run(const code_bytes& code, registers& with) noexcept
{
    if (busy.test_and_set(
            std::memory_order_acquire)) // (1) acquire: the slot is the last one's no longer; pairs with (2)
        return false;
    put_in_slot(code);
    const std::uint64_t trap_flag_before = with.flags & trap_flag;
    with.flags ^= trap_flag_before;
    nmisim_run_out_of_line(&with);
    with.flags = (with.flags & ~trap_flag) | trap_flag_before;
    busy.clear(std::memory_order_release); // (2) release: what was written to it; pairs with (1)
    return true;
}

} // namespace nmisim::explore::out_of_line
