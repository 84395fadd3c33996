// SPDX-License-Identifier: MIT
#include "explore/watch/quick_look.hpp"

#include "explore/step/arch.hpp"

#include <cstddef>

#include <fcntl.h>
#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

/// A short file of /proc, and how far it was read. Its loops end at a character, not after a number of them, which a compiler
/// would make a call of memcpy.
class proc_file {
public:
    proc_file(int tid, const char* name) noexcept
    {
        char path[64];
        char* end = append(append_number(append(path, "/proc/self/task/"), tid), name);
        *end = 0;
        const long fd =
            arch::raw_system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return;
        const long n = arch::raw_system_call(SYS_read, fd, reinterpret_cast<long>(text_), sizeof text_);
        arch::raw_system_call(SYS_close, fd);
        end_ = n > 0 ? text_ + n : text_;
    }

    bool behind(char c) noexcept
    {
        while (at_ != end_)
            if (*at_++ == c)
                return true;
        return false;
    }

    /// The next place of these words.
    bool behind(const char* words) noexcept
    {
        for (; at_ != end_; ++at_) {
            const char* here = at_;
            const char* w = words;
            while (*w != 0 && here != end_ && *here == *w) {
                ++here;
                ++w;
            }
            if (*w == 0) {
                at_ = here;
                return true;
            }
        }
        return false;
    }

    char ahead(std::ptrdiff_t n) const noexcept { return n < end_ - at_ ? at_[n] : '\0'; }

    /// Decimal, or hexadecimal as 0x...; false where none stands.
    bool number(std::uint64_t& n) noexcept
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t'))
            ++at_;
        unsigned base = 10;
        if (end_ - at_ > 2 && at_[0] == '0' && at_[1] == 'x') {
            base = 16;
            at_ += 2;
        }
        const char* const first = at_;
        for (n = 0; at_ != end_ && digit(*at_) < base; ++at_)
            n = n * base + digit(*at_);
        return at_ != first;
    }

private:
    static unsigned digit(char c) noexcept
    {
        if (c >= '0' && c <= '9')
            return static_cast<unsigned>(c - '0');
        return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10 : 16;
    }

    static char* append(char* to, const char* words) noexcept
    {
        while (*words != 0)
            *to++ = *words++;
        return to;
    }

    static char* append_number(char* to, int n) noexcept
    {
        if (n >= 10)
            to = append_number(to, n / 10);
        *to++ = static_cast<char>('0' + n % 10);
        return to;
    }

    char text_[4096];
    const char* at_ = text_;
    const char* end_ = text_;
};

bool sleeps(int tid) noexcept
{
    proc_file stat(tid, "/stat");
    char letter = '\0';
    while (stat.behind(')')) // the name before it may hold some, too
        letter = stat.ahead(1);
    return letter == 'S';
}

} // namespace

quick_look look_at(int tid) noexcept
{
    quick_look s;
    if (!sleeps(tid))
        return s;
    constexpr int fields_before_ip = 8; // number, six arguments, stack pointer
    proc_file call(tid, "/syscall");
    std::uint64_t field = 0;
    for (int i = 0; i <= fields_before_ip; ++i) {
        if (!call.number(field))
            return s; // "running", or "-1 sp pc" outside of a system call
        if (i == 0)
            s.system_call = static_cast<long>(field);
    }
    s.ip = static_cast<std::uintptr_t>(field);
    proc_file status(tid, "/status");
    s.asleep = status.behind("\nvoluntary_ctxt_switches:") && status.number(s.switches);
    return s;
}

} // namespace nmisim::explore
