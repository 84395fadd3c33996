// SPDX-License-Identifier: MIT
#include "explore/step/fault_note.hpp"

#include "explore/step/arch.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/step/kernel_action.hpp"

#include <array>
#include <cstdio>

#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::explore {

namespace fault_watch {

namespace {

constexpr std::array crashes{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr kernel_action default_action{};

constinit fault_note* the_note = nullptr;
constinit int explored = 0;
constinit kernel_action ours{};
constinit std::uint64_t taken_bits = 0;
constinit std::uintptr_t stack_start = 0; ///< of the alternate stack that the handler runs on; 0: on another
constinit std::uintptr_t stack_end = 0;

// An access a little below the stack is an overflow; one far away has another reason.
bool left_the_stack(const ucontext_t& at, std::uintptr_t address) noexcept
{
    constexpr std::uintptr_t reach = 64 * 1024;
    const std::uintptr_t sp = arch::stack_pointer(at);
    if (stack_start == 0)
        return false;
    return sp < stack_start || sp > stack_end || (address < stack_start && stack_start - address <= reach);
}

void on_fault(int signal, siginfo_t* info, void* context)
{
    const ucontext_t& at = *static_cast<const ucontext_t*>(context);
    fault_note& n = *the_note;
    set_action(signal, &default_action, nullptr);
    n.code = info->si_code;
    n.address = info->si_code > 0 ? reinterpret_cast<std::uintptr_t>(info->si_addr) : 0;
    n.ip = arch::ip(at);
    n.off_the_alternate_stack = info->si_code > 0 && left_the_stack(at, n.address);
    n.signal.store(signal, std::memory_order_relaxed); // read after the end of this process
    // Pending until this handler returns; then the process ends, also if the cause does not occur again.
    arch::raw_system_call(SYS_tgkill, arch::raw_system_call(SYS_getpid), arch::raw_system_call(SYS_gettid),
                          signal);
    if (n.ip != n.address) // it can be read
        n.bytes = original_code_at(n.ip);
}

} // namespace

void begin(int explored_signal, fault_note* note)
{
    explored = explored_signal;
    the_note = note;
    struct sigaction before {};
    struct sigaction a {};
    a.sa_sigaction = on_fault;
    a.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&a.sa_mask);
    sigaction(SIGSEGV, &a, &before);
    set_action(SIGSEGV, nullptr, &ours); // as the kernel has it
    sigaction(SIGSEGV, &before, nullptr);
}

void arm() noexcept
{
    if (the_note == nullptr)
        return;
    taken_bits = 0;
    for (const int s : crashes) {
        kernel_action before{};
        if (s == explored)
            continue;
        set_action(s, &ours, &before);
        if (before.handler != 0 && before.handler != ours.handler)
            set_action(s, &before, nullptr);
        else
            taken_bits |= bit_of(s);
    }
}

std::uint64_t taken() noexcept
{
    return taken_bits;
}

void disarm() noexcept
{
    if (the_note == nullptr)
        return;
    const std::uint64_t were_taken = taken_bits;
    taken_bits = 0;
    for (const int s : crashes) {
        kernel_action before{};
        if ((were_taken & bit_of(s)) == 0)
            continue;
        set_action(s, &default_action, &before);
        if (before.handler != ours.handler) // the run's own
            set_action(s, &before, nullptr);
    }
}

void handler_begins(const stack_t& alternate) noexcept
{
    const auto start = reinterpret_cast<std::uintptr_t>(alternate.ss_sp);
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    const bool on_it = alternate.ss_size != 0 && here >= start && here < start + alternate.ss_size;
    stack_start = on_it ? start : 0;
    stack_end = on_it ? start + alternate.ss_size : 0;
}

void handler_ends() noexcept
{
    stack_start = 0;
}

} // namespace fault_watch

namespace {

struct code_name {
    int signal;
    int code;
    const char* name;
};
constexpr code_name code_names[]{
    {SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR"}, {SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR"},
    {SIGSEGV, SEGV_PKUERR, "SEGV_PKUERR"}, {SIGBUS, BUS_ADRALN, "BUS_ADRALN"},
    {SIGBUS, BUS_ADRERR, "BUS_ADRERR"},    {SIGBUS, BUS_OBJERR, "BUS_OBJERR"},
    {SIGILL, ILL_ILLOPC, "ILL_ILLOPC"},    {SIGILL, ILL_ILLOPN, "ILL_ILLOPN"},
    {SIGILL, ILL_ILLADR, "ILL_ILLADR"},    {SIGILL, ILL_ILLTRP, "ILL_ILLTRP"},
    {SIGILL, ILL_PRVOPC, "ILL_PRVOPC"},    {SIGFPE, FPE_INTDIV, "FPE_INTDIV"},
    {SIGFPE, FPE_INTOVF, "FPE_INTOVF"},    {SIGFPE, FPE_FLTDIV, "FPE_FLTDIV"},
    {SIGFPE, FPE_FLTINV, "FPE_FLTINV"},
};

} // namespace

void fault_note::copy(const fault_note& from) noexcept
{
    signal.store(from.killed_by(), std::memory_order_relaxed); // one thread writes
    code = from.code;
    address = from.address;
    ip = from.ip;
    off_the_alternate_stack = from.off_the_alternate_stack;
    bytes = from.bytes;
}

std::string describe_fault(const fault_note& note)
{
    if (note.code <= 0)
        return "sent, not caused by an instruction";
    const int signal = note.signal.load(std::memory_order_relaxed); // its writer has ended
    std::string text = note.code == SI_KERNEL ? "SI_KERNEL" : "code " + std::to_string(note.code);
    for (const code_name& n : code_names)
        if (n.signal == signal && n.code == note.code)
            text = n.name;
    if (note.code == SI_KERNEL) // the processor did not say which
        return text;
    std::array<char, 32> address{};
    std::snprintf(address.data(), address.size(), ", address %#llx",
                  static_cast<unsigned long long>(note.address));
    return text + address.data();
}

} // namespace nmisim::explore
