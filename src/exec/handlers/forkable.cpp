// SPDX-License-Identifier: MIT
#include "exec/handlers/forkable.hpp"

#include "exec/trace/memory.hpp"
#include "exec/trace/proc_files.hpp"
#include "exec/trace/remote_call.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

namespace fs = std::filesystem;

std::string proc(pid_t pid, std::string_view what)
{
    return fmt::format("/proc/{}/{}", pid, what);
}

std::string why_not_by_status(pid_t pid)
{
    if (number_in_status(pid, "VmLck:") != 0)
        return "it has locked memory";
    if (const std::uint64_t threads = number_in_status(pid, "Threads:"); threads > 1)
        return fmt::format("it has {} threads there", threads);
    if (number_in_status(pid, "SigPnd:", 16) != 0 || number_in_status(pid, "ShdPnd:", 16) != 0)
        return "a signal is pending there";
    return {};
}

/// A line of smaps begins a mapping, "7f00-7f01 rw-s ...", or tells something of it, "VmFlags: rd wr dc".
std::string why_not_by_memory(pid_t pid)
{
    std::ifstream maps(proc(pid, "smaps"));
    for (std::string line; std::getline(maps, line);) {
        const std::size_t space = line.find(' ');
        if (line.starts_with("VmFlags:")) {
            if (line.find(" dc") != line.npos || line.find(" wf") != line.npos)
                return "it has memory that a fork does not copy";
        } else if (space != line.npos && line.find('-') < space && space + 4 < line.size() &&
                   line[space + 2] == 'w' && line[space + 4] == 's') {
            return "it shares memory";
        }
    }
    return {};
}

bool holds_locks(pid_t pid)
{
    std::ifstream locks("/proc/locks");
    const std::string number = std::to_string(pid);
    for (std::string line; std::getline(locks, line);)
        if (line.find("POSIX") != line.npos && line.find(" " + number + " ") != line.npos)
            return true;
    return false;
}

bool has_timers(pid_t pid)
{
    std::ifstream timers(proc(pid, "timers"));
    return timers.peek() != std::ifstream::traits_type::eof();
}

bool is_stateless(const struct stat& file)
{
    constexpr unsigned memory = 1; // null, zero, full, random, urandom
    const unsigned number = minor(file.st_rdev);
    return S_ISCHR(file.st_mode) && major(file.st_rdev) == memory &&
           (number == 3 || number == 5 || (number >= 7 && number <= 9));
}

/// Whether the file is the same whenever it is read.
bool is_stored(const std::string& path)
{
    struct statfs system {};
    return statfs(path.c_str(), &system) == 0 && system.f_type != PROC_SUPER_MAGIC &&
           system.f_type != 0x19800202; // a message queue's
}

struct descriptor {
    std::uint64_t position = 0;
    unsigned flags = O_RDWR;
};

descriptor descriptor_of(pid_t pid, const std::string& number)
{
    std::ifstream info(proc(pid, "fdinfo/" + number));
    descriptor d;
    std::string word;
    info >> word >> d.position >> word >> std::oct >> d.flags;
    return d;
}

/// A descriptor that nmi-sim was started with and passes on: runs of the command share it, too.
bool is_inherited(int fd, const struct stat& file)
{
    struct stat own {};
    return fd > STDERR_FILENO && fstat(fd, &own) == 0 && own.st_dev == file.st_dev &&
           own.st_ino == file.st_ino;
}

void add_files(pid_t pid, const output_pipes& output, forkable& to)
{
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(proc(pid, "fd"), error)) {
        const std::string path = entry.path();
        const std::string number = entry.path().filename();
        struct stat file {};
        if (stat(path.c_str(), &file) != 0)
            continue;
        if (is_stateless(file) || (S_ISFIFO(file.st_mode) && output.is_ours(file.st_ino)) ||
            is_inherited(std::atoi(number.c_str()), file))
            continue;
        const descriptor d = descriptor_of(pid, number);
        if (!S_ISREG(file.st_mode) || (d.flags & O_ACCMODE) != O_RDONLY || !is_stored(path)) {
            to.why_not = fmt::format("its forks would share {}", fs::read_symlink(path, error).string());
            return;
        }
        to.positions.push_back({std::atoi(number.c_str()), d.position});
    }
    if (error)
        to.why_not = "its files cannot be looked at";
}

/// Calls whose answer lies in its memory, below the stack; what was there is put back.
class questions {
public:
    explicit questions(const task& t) : tid_(t.tid), calls_(t)
    {
        saved_registers r{};
        if (read_registers(tid_, r))
            at_ = (interrupted_by(r).sp - before_.size() * 8) & ~std::uintptr_t{7};
        for (std::size_t i = 0; i < before_.size(); ++i)
            before_[i] = read_word(tid_, at_ + i * 8);
    }
    ~questions()
    {
        for (std::size_t i = 0; i < before_.size(); ++i)
            if (before_[i])
                write_word(tid_, at_ + i * 8, *before_[i]);
    }
    questions(const questions&) = delete;
    questions& operator=(const questions&) = delete;

    bool can_ask() { return before_.front() && before_.back() && calls_.call(SYS_getppid, {}) >= 0; }
    /// Of setitimer(2).
    bool has_timer(int which)
    {
        if (calls_.call(SYS_getitimer, {static_cast<std::uint64_t>(which), at_, 0, 0, 0, 0}) != 0)
            return true;
        return read_word(tid_, at_ + 16).value_or(1) != 0 || read_word(tid_, at_ + 24).value_or(1) != 0;
    }
    std::uintptr_t thread_id_at()
    {
        const long done = calls_.call(SYS_prctl, {PR_GET_TID_ADDRESS, at_, 0, 0, 0, 0});
        return done == 0 ? read_word(tid_, at_).value_or(0) : 0;
    }

private:
    const pid_t tid_;
    remote_calls calls_;
    std::uintptr_t at_ = 0;
    std::array<std::optional<std::uint64_t>, 4> before_;
};

std::string why_not_by_process(const task& t)
{
    if (t.in->path != "0")
        return "it is not the command itself: its parent waits for it";
    if (t.in->births != 0)
        return "it has had children";
    if (holds_locks(t.in->tgid))
        return "it holds locks of files";
    if (has_timers(t.in->tgid))
        return "it has a timer";
    return {};
}

} // namespace

forkable forkable_of(const task& t, const output_pipes& output)
{
    forkable f;
    for (const auto look : {+[](const task& one) { return why_not_by_process(one); },
                            +[](const task& one) { return why_not_by_status(one.in->tgid); },
                            +[](const task& one) { return why_not_by_memory(one.in->tgid); }})
        if (f.why_not = look(t); !f.why_not.empty())
            return f;
    add_files(t.in->tgid, output, f);
    if (!f.why_not.empty())
        return f;
    questions ask(t);
    if (!ask.can_ask())
        f.why_not = "no system call can be made in its name there";
    else if (ask.has_timer(ITIMER_REAL) || ask.has_timer(ITIMER_VIRTUAL) || ask.has_timer(ITIMER_PROF))
        f.why_not = "it has a timer";
    else
        f.thread_id_at = ask.thread_id_at();
    return f;
}

std::uint64_t position_of(pid_t pid, int fd)
{
    return descriptor_of(pid, std::to_string(fd)).position;
}

} // namespace nmisim::exec
