// SPDX-License-Identifier: MIT
//
// x86-64: a step without any trap. The handler that has the registers of the interrupted code does itself what its next
// instruction would do: it changes the instruction pointer, moves what is on the stack, reads and writes memory after the
// kernel has said that it is there, and lets the processor calculate.
#include "explore/step/x86_64/made_steps.hpp"
#include "explore/decode/branch_x86_64.hpp"
#include "explore/decode/plain_x86_64.hpp"
#include "explore/step/arch.hpp"
#include "explore/step/x86_64/out_of_line.hpp"

#include <array>
#include <atomic>
#include <cerrno>

#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace nmisim::explore::arch {

namespace {

constinit bool can_calculate = false;

/// In the order of their encoding.
constexpr std::array encoded{REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
constexpr std::uintptr_t red_zone = 128; // System V ABI: a signal's frame begins below it

// glibc's thread pointer; in fs:0 it points to itself.
std::uint64_t thread_base() noexcept
{
    std::uint64_t base = 0;
    asm volatile("movq %%fs:0, %0" : "=r"(base));
    return base;
}

// Of a restartable sequence the kernel must see the true place: it is the processor's to run. A store that the handler made has begun
// it: when the signal came, the kernel has ended the one before.
bool begins_restartable_sequence() noexcept
{
    return __rseq_size != 0 && reinterpret_cast<const volatile struct rseq*>(
                                   thread_base() + static_cast<std::uint64_t>(__rseq_offset))
                                       ->rseq_cs != 0;
}

/// The program's memory. Where there is none the kernel says so.
class memory_of {
public:
    explicit memory_of(const interrupted& by) noexcept
        : tid_(by.tid), frames_end_(by.stack_pointer - red_zone)
    {}

    bool read(std::uint64_t address, unsigned width, std::uint64_t& value) const noexcept
    {
        value = 0;
        if (!is_beside_frames(address, width)) {
            if (!is_known_as_memory(address))
                return copy_from(address, width, value);
            if (!is_readable(address, width))
                return false;
        }
        switch (width) {
        case 1: value = at<std::uint8_t>(address); break;
        case 2: value = at<std::uint16_t>(address); break;
        case 4: value = at<std::uint32_t>(address); break;
        default: value = at<std::uint64_t>(address);
        }
        return true;
    }

    /// Not where the handler's own frames are.
    bool write(std::uint64_t address, unsigned width, std::uint64_t value) const noexcept
    {
        constexpr std::uintptr_t most_of_frames = 64 * 1024;
        if (address < frames_end_ && address + width + most_of_frames > frames_end_)
            return false;
        // The kernel would copy what fits on the first page, also where the second one refuses.
        if (address % smallest_page + width > smallest_page)
            return false;
        if (!is_beside_frames(address, width))
            return copy(SYS_process_vm_writev, address, width, value);
        switch (width) {
        case 1: at<std::uint8_t>(address) = static_cast<std::uint8_t>(value); break;
        case 2: at<std::uint16_t>(address) = static_cast<std::uint16_t>(value); break;
        case 4: at<std::uint32_t>(address) = static_cast<std::uint32_t>(value); break;
        default: at<std::uint64_t>(address) = value;
        }
        return true;
    }

private:
    static constexpr std::uintptr_t smallest_page = 4096;

    template <class Number>
    static volatile Number& at(std::uint64_t address) noexcept
    {
        return *reinterpret_cast<volatile Number*>(address);
    }

    static std::atomic<std::uint64_t>& known_in_place_of(std::uint64_t page) noexcept
    {
        static constinit std::array<std::atomic<std::uint64_t>, 16> known{};
        return known[page % known.size()];
    }
    static bool is_known_as_memory(std::uint64_t address) noexcept
    {
        const std::uint64_t page = address / smallest_page;
        return known_in_place_of(page).load(std::memory_order_relaxed) == page; // orders nothing
    }

    /// The kernel copies from no device's registers, which a load may change. So a page that it has copied from is memory.
    bool copy_from(std::uint64_t address, unsigned width, std::uint64_t& value) const noexcept
    {
        if (!copy(SYS_process_vm_readv, address, width, value))
            return false;
        const std::uint64_t page = address / smallest_page;
        known_in_place_of(page).store(page, std::memory_order_relaxed); // as above
        return true;
    }

    /// The kernel reads a set of signals there, before it refuses to do with it what it does not know; as
    /// AddressIsReadable() of abseil asks. A copy by the kernel costs several times as much. A thread that takes the page away
    /// between this and the load makes the handler fault, in the place of the instruction.
    static bool is_readable(std::uint64_t address, unsigned width) noexcept
    {
        constexpr unsigned set_size = 8; // the kernel's sigset_t
        constexpr long unknown = -1;
        const bool at_page_end = address % smallest_page + set_size > smallest_page;
        const std::uint64_t from = at_page_end ? address + width - set_size : address;
        return raw_system_call(SYS_rt_sigprocmask, unknown, static_cast<long>(from), 0, set_size) == -EINVAL;
    }

    /// The page has just got a frame of the kernel's.
    bool is_beside_frames(std::uint64_t address, unsigned width) const noexcept
    {
        const std::uintptr_t page = (frames_end_ - 1) / smallest_page;
        return address >= frames_end_ && address / smallest_page == page &&
               (address + width - 1) / smallest_page == page;
    }

    bool copy(long call, std::uint64_t address, unsigned width, std::uint64_t& value) const noexcept
    {
        const iovec here{&value, width};
        const iovec there{reinterpret_cast<void*>(address), width};
        return raw_system_call(call, tid_, reinterpret_cast<long>(&here), 1, reinterpret_cast<long>(&there),
                               1) == static_cast<long>(width);
    }

    int tid_;
    std::uintptr_t frames_end_;
};

/// False: it cannot be made, and nothing of it has been. `next`: what follows.
bool make(const plain_instruction& i, out_of_line::registers& by, const memory_of& memory,
          std::uint64_t& next) noexcept
{
    using enum plain_instruction::kind;
    using enum x86_registers::place;
    constexpr unsigned word = 8;
    auto& r = by.general.r;
    const auto push_word = [&](std::uint64_t value) {
        const bool done = memory.write(r[rsp] - word, word, value);
        r[rsp] -= done ? word : 0;
        return done;
    };
    const auto pop_word = [&](std::uint64_t& to) {
        std::uint64_t value = 0;
        const bool done = memory.read(r[rsp], word, value);
        r[rsp] += done ? word : 0;
        to = done ? value : to;
        return done;
    };
    std::uint64_t there = i.address;
    switch (i.what) {
    case none: return false;
    case nothing: return true;
    case calculate: {
        if (!can_calculate)
            return false;
        if (i.width == 0)
            return out_of_line::run(i.by_registers, by);
        const std::uint64_t kept = r[i.reg];
        if (i.reads && !memory.read(i.address, i.width, r[i.reg]))
            return false;
        if (!out_of_line::run(i.by_registers, by))
            return false;
        const std::uint64_t result = r[i.reg];
        r[i.reg] = kept;
        return !i.writes || memory.write(i.address, i.width, result);
    }
    case load_address: r[i.reg] = i.address; return true;
    case push: return push_word(r[i.reg]);
    case push_constant: return push_word(i.constant);
    case pop: return pop_word(r[i.reg]);
    case leave: r[rsp] = r[rbp]; return pop_word(r[rbp]);
    case give_back: return pop_word(next);
    case call_loaded:
    case jump_loaded:
        if (!memory.read(i.address, word, there))
            return false;
        break;
    case call:
    case jump: break;
    }
    const bool calls = i.what == call || i.what == call_loaded;
    if (calls && !push_word(next))
        return false;
    next = there;
    return true;
}

} // namespace

x86_registers registers_of(const ucontext_t& at) noexcept
{
    x86_registers regs;
    for (std::size_t i = 0; i < encoded.size(); ++i)
        regs.r[i] = static_cast<std::uint64_t>(at.uc_mcontext.gregs[encoded[i]]);
    return regs;
}

void prepare_made_steps(bool wanted) noexcept
{
    can_calculate = wanted && out_of_line::begin();
}

bool is_makeable(const code_bytes& code) noexcept
{
    return steps_by_breakpoints() && (is_plain_branch_x86_64(code.byte.data(), code.size) ||
                                      plain_x86_64(0, {}, 0, code).what != plain_instruction::kind::none);
}

bool make_step(ucontext_t& at, const code_bytes& code, const interrupted& by) noexcept
{
    if (!steps_by_breakpoints() || begins_restartable_sequence())
        return false;
    greg_t& flags = at.uc_mcontext.gregs[REG_EFL];
    if (const std::uintptr_t to =
            branch_x86_64(ip(at), static_cast<std::uint64_t>(flags), code.byte.data(), code.size);
        to != 0) {
        set_ip(at, to);
        return true;
    }
    out_of_line::registers now{registers_of(at), static_cast<std::uint64_t>(flags)};
    const plain_instruction i = plain_x86_64(ip(at), now.general, thread_base(), code);
    std::uint64_t next = ip(at) + i.size;
    if (!make(i, now, memory_of(by), next))
        return false;
    for (std::size_t n = 0; n < encoded.size(); ++n)
        at.uc_mcontext.gregs[encoded[n]] = static_cast<greg_t>(now.general.r[n]);
    flags = static_cast<greg_t>(now.flags);
    set_ip(at, next);
    return true;
}

} // namespace nmisim::explore::arch
