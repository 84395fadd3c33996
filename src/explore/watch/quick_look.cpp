// SPDX-License-Identifier: MIT
#include "explore/watch/quick_look.hpp"

#include "explore/step/arch.hpp"

#include <fcntl.h>
#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

/// A file of /proc, character by character. Each loop ends at a certain character: of a loop with a count a compiler may make a call
/// of memcpy.
class proc_file {
public:
    proc_file(int tid, const char* name) noexcept
    {
        char path[64];
        char* end = append(append_number(append(path, "/proc/self/task/"), tid), name);
        *end = 0;
        fd_ = arch::raw_system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
    }
    ~proc_file() { arch::raw_system_call(SYS_close, fd_); }
    proc_file(const proc_file&) = delete;
    proc_file& operator=(const proc_file&) = delete;

    /// The next one, which stays the next one; 0: there is none.
    char peek() noexcept
    {
        if (at_ == end_) {
            const long n = arch::raw_system_call(SYS_read, fd_, reinterpret_cast<long>(text_), sizeof text_);
            at_ = text_;
            end_ = n > 0 ? text_ + n : text_;
        }
        return at_ != end_ ? *at_ : '\0';
    }

    char get() noexcept
    {
        const char c = peek();
        if (c != 0)
            ++at_;
        return c;
    }

    /// Goes behind the next place of these words.
    bool behind(const char* words) noexcept
    {
        const char* w = words;
        while (*w != 0 && peek() != 0)
            w = get() == *w ? w + 1 : words;
        return *w == 0;
    }

    /// Decimal, or hexadecimal as 0x...; false where none stands.
    bool number(std::uint64_t& n) noexcept
    {
        while (peek() == ' ' || peek() == '\t')
            get();
        unsigned base = 10;
        bool any = false;
        for (n = 0;; any = true) {
            if (base == 10 && any && n == 0 && peek() == 'x') {
                base = 16;
                get();
            }
            if (digit(peek()) >= base)
                return any;
            n = n * base + digit(get());
        }
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

    long fd_ = -1;   ///< negative: not there, and refused by each call
    char text_[512]; // less than /proc/TID/status has: that it takes several reads is nothing special
    const char* at_ = text_;
    const char* end_ = text_;
};

bool sleeps(int tid) noexcept
{
    proc_file stat(tid, "/stat");
    char letter = '\0';
    for (char c = stat.get(); c != 0; c = stat.get())
        if (c == ')' && stat.peek() == ' ') { // the name before it may hold some, too
            stat.get();
            letter = stat.peek();
        }
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
    s.asleep = status.behind("voluntary_ctxt_switches:") && status.number(s.switches);
    return s;
}

} // namespace nmisim::explore
