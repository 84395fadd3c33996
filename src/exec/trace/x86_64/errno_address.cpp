// SPDX-License-Identifier: MIT
//
// What the C library's __errno_location would return, from its code: a sum of the thread pointer and a constant, which
// the libraries write down in a few ways. Nothing is run in the program for it.
#include "exec/trace/arch.hpp"
#include "exec/trace/memory.hpp"

namespace nmisim::exec {

namespace {

enum class operand { none, thread, constant, relative, byte, negative_byte };

/// An instruction that sets %rax, or adds to it.
struct form {
    std::uint64_t bytes; ///< the first of it, as they lie in memory
    unsigned fixed;      ///< so many are always the same; the operand is behind them
    unsigned size;
    operand with;
    bool adds;
};
constexpr form forms[] = {
    {0xfa1e0ff3, 4, 4, operand::none, true},        // endbr64
    {0x058b48, 3, 7, operand::relative, false},     // mov distance(%rip),%rax
    {0xc0c748, 3, 7, operand::constant, false},     // mov $constant,%rax
    {0x25048b4864, 5, 9, operand::thread, false},   // mov %fs:0,%rax
    {0x2504034864, 5, 9, operand::thread, true},    // add %fs:0,%rax
    {0x050348, 3, 7, operand::relative, true},      // add distance(%rip),%rax
    {0x0548, 2, 6, operand::constant, true},        // add $constant,%rax
    {0x808d48, 3, 7, operand::constant, true},      // lea constant(%rax),%rax
    {0xc08348, 3, 4, operand::byte, true},          // add $byte,%rax
    {0xe88348, 3, 4, operand::negative_byte, true}, // sub $byte,%rax
};
constexpr std::uint8_t ret = 0xc3;

const form* form_of(std::uint64_t code) noexcept
{
    for (const form& f : forms)
        if (const std::uint64_t mask = (std::uint64_t{1} << (8 * f.fixed)) - 1;
            ((code ^ f.bytes) & mask) == 0)
            return &f;
    return nullptr;
}

/// Sign and all.
template <class T>
std::uint64_t number_in(std::uint64_t code) noexcept
{
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<T>(code)));
}

std::uint64_t value_of(const form& f, pid_t tid, std::uintptr_t at, std::uint64_t code,
                       std::uintptr_t thread) noexcept
{
    const std::uint64_t behind = code >> (8 * f.fixed);
    switch (f.with) {
    case operand::none: return 0;
    case operand::thread: return thread;
    case operand::constant: return number_in<std::int32_t>(behind);
    case operand::relative: return read_word(tid, at + f.size + number_in<std::int32_t>(behind)).value_or(0);
    case operand::byte: return number_in<std::int8_t>(behind);
    case operand::negative_byte: return 0 - number_in<std::int8_t>(behind);
    }
    return 0;
}

} // namespace

std::uintptr_t errno_address(pid_t tid, const saved_registers& r, std::uintptr_t function) noexcept
{
    constexpr unsigned most_instructions = 6;
    std::uint64_t value = 0;
    std::uintptr_t at = function;
    for (unsigned i = 0; i < most_instructions; ++i) {
        const std::uint64_t code = read_word(tid, at).value_or(0);
        if (static_cast<std::uint8_t>(code) == ret)
            return value;
        const form* const f = form_of(code);
        if (f == nullptr)
            return 0;
        value = (f->adds ? value : 0) + value_of(*f, tid, at, code, thread_pointer(r));
        at += f->size;
    }
    return 0;
}

} // namespace nmisim::exec
