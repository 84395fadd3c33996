// SPDX-License-Identifier: MIT
#include "explore/step/x86_64/out_of_line.hpp"

#include "explore/step/breakpoint.hpp"

#include <array>
#include <atomic>
#include <bit>

namespace nmisim::explore::out_of_line {

namespace {

constexpr std::size_t slot_size = 32; ///< as the assembler has it: an instruction, NOPs, the way back
constexpr std::size_t slot_count = 64;
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
    movq %rsi, nmisim_out_of_line_slot(%rip)
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
    jmp *nmisim_out_of_line_slot(%rip)
nmisim_out_of_line_back:
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
    .p2align 11
    .globl nmisim_out_of_line_slots
    .hidden nmisim_out_of_line_slots
nmisim_out_of_line_slots:
    .rept 64
    .fill 16, 1, 0x90
    jmp nmisim_out_of_line_back
    .p2align 5
    .endr
    .cfi_endproc
    .size nmisim_run_out_of_line, . - nmisim_run_out_of_line

    .local nmisim_out_of_line_registers
    .comm nmisim_out_of_line_registers, 8, 8
    .local nmisim_out_of_line_slot
    .comm nmisim_out_of_line_slot, 8, 8
    .local nmisim_out_of_line_stack
    .comm nmisim_out_of_line_stack, 8, 8
    .local nmisim_out_of_line_rdi
    .comm nmisim_out_of_line_rdi, 8, 8
)");

extern "C" {
[[gnu::visibility("hidden")]] void nmisim_run_out_of_line(nmisim::explore::out_of_line::registers* with,
                                                          const unsigned char* slot) noexcept;
[[gnu::visibility("hidden")]] extern unsigned char nmisim_out_of_line_slots[slot_count][slot_size];
}

namespace {

std::uint64_t first_bytes(std::size_t n) noexcept
{
    return n >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * n) - 1;
}

// A copy stays in its slot until another one needs it: a store to code makes the processor fetch it again, and costs more than
// most instructions.
const unsigned char* slot_of(const code_bytes& code) noexcept
{
    constexpr std::uint64_t nops = 0x9090'9090'9090'9090;
    constexpr std::uint64_t spread =
        0x9e37'79b9'7f4a'7c15; // 2^64 by the golden ratio: Knuth's multiplicative hash
    auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(code);
    for (std::size_t i = 0; i < halves.size(); ++i) {
        const std::uint64_t taken = first_bytes(code.size > 8 * i ? code.size - 8 * i : 0);
        halves[i] = (halves[i] & taken) | (nops & ~taken);
    }
    unsigned char* const slot =
        nmisim_out_of_line_slots[((halves[0] ^ std::rotl(halves[1], 32)) * spread >> 32) % slot_count];
    auto* const there = reinterpret_cast<volatile std::uint64_t*>(slot);
    for (std::size_t i = 0; i < halves.size(); ++i)
        if (there[i] != halves[i])
            there[i] = halves[i];
    return slot;
}

} // namespace

bool begin() noexcept
{
    return make_code_writable(reinterpret_cast<std::uintptr_t>(nmisim_out_of_line_slots)); // all on one page
}

bool run(const code_bytes& code, registers& with) noexcept
{
    if (busy.test_and_set(
            std::memory_order_acquire)) // (1) acquire: the slot is the last one's no longer; pairs with (2)
        return false;
    const std::uint64_t trap_flag_before = with.flags & trap_flag;
    with.flags ^= trap_flag_before;
    nmisim_run_out_of_line(&with, slot_of(code));
    with.flags = (with.flags & ~trap_flag) | trap_flag_before;
    busy.clear(std::memory_order_release); // (2) release: what was written to it; pairs with (1)
    return true;
}

} // namespace nmisim::explore::out_of_line
