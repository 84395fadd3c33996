// SPDX-License-Identifier: MIT
#include "exec/trace/remote_call.hpp"

#include "exec/trace/memory.hpp"
#include "exec/trace/stop.hpp"

#include <cerrno>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr auto get_mask = static_cast<__ptrace_request>(0x420a); // PTRACE_GETSIGMASK
constexpr auto set_mask = static_cast<__ptrace_request>(0x420b);

} // namespace

remote_calls::remote_calls(pid_t process, pid_t tid) : process_(process), tid_(tid)
{
    std::uint64_t full = ~std::uint64_t{0}; // an NMI among them keeps its mark
    if (!read_registers(tid_, before_) || ptrace(get_mask, tid_, sizeof mask_, &mask_) != 0 ||
        ptrace(set_mask, tid_, sizeof full, &full) != 0)
        return;
    const std::uintptr_t ip = interrupted_by(before_).ip;
    ok_ = true;
    for (const std::uint64_t word : system_call_code()) {
        const auto there = read_word(tid_, ip + code_.size() * sizeof word);
        ok_ = ok_ && there && write_word(tid_, ip + code_.size() * sizeof word, word);
        code_.push_back(there.value_or(0));
    }
}

remote_calls::remote_calls(pid_t child, const remote_calls& parent)
    : process_(child), tid_(child), before_(parent.before_), mask_(parent.mask_), code_(parent.code_),
      ok_(parent.ok_)
{}

bool remote_calls::run_to(bool entry, const meanwhile& under_way)
{
    while (ptrace(PTRACE_SYSCALL, tid_, nullptr, nullptr) == 0) {
        if (under_way)
            under_way();
        while (waitpid(tid_, &status_, __WALL) != tid_)
            if (errno != EINTR)
                return false;
        const stop s = stop_of(tid_, status_);
        if (s.kind == stop_kind::ended) {
            ended_ = true;
            return false;
        }
        if (s.kind == (entry ? stop_kind::call_entry : stop_kind::call_exit))
            return true;
        if (s.kind == stop_kind::signal)
            late_.push_back(s.signal);
        if (s.kind == stop_kind::birth)
            born_ = static_cast<pid_t>(s.message);
    }
    return false;
}

long remote_calls::call(long nr, const std::array<std::uint64_t, 6>& arg, const meanwhile& under_way)
{
    if (!ok_ || ended_)
        return -EIO;
    saved_registers r = before_;
    move_to(r, interrupted_by(before_).ip);
    set_call(r, nr, arg);
    if (!write_registers(tid_, r) || !run_to(true) || !run_to(false, under_way) || !read_registers(tid_, r))
        return -EIO;
    return interrupted_by(r).result;
}

remote_calls::~remote_calls()
{
    if (ended_)
        return;
    const std::uintptr_t ip = interrupted_by(before_).ip;
    for (std::size_t i = 0; i < code_.size(); ++i)
        write_word(tid_, ip + i * sizeof code_[i], code_[i]);
    move_to(before_, ip);
    write_registers(tid_, before_);
    ptrace(set_mask, tid_, sizeof mask_, &mask_);
    for (const int signal : late_)
        syscall(SYS_tgkill, process_, tid_, signal);
}

bool take_out_of_mask(pid_t tid, int signal) noexcept
{
    const std::uint64_t bit = std::uint64_t{1} << (signal - 1);
    std::uint64_t mask = 0;
    if (ptrace(get_mask, tid, sizeof mask, &mask) != 0 || (mask & bit) == 0)
        return false;
    mask &= ~bit;
    return ptrace(set_mask, tid, sizeof mask, &mask) == 0;
}

} // namespace nmisim::exec
