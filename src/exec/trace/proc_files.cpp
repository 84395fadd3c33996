// SPDX-License-Identifier: MIT
#include "exec/trace/proc_files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

std::string link_text(const std::string& path)
{
    std::array<char, 4096> text{};
    const ssize_t n = readlink(path.c_str(), text.data(), text.size());
    return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

bool is_endless(dev_t device)
{
    constexpr unsigned memory = 1; // zero, full, random, urandom
    return major(device) == memory && (minor(device) == 5 || (minor(device) >= 7 && minor(device) <= 9));
}

using file_ptr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

file_ptr opened(pid_t pid, const std::string& what)
{
    return {std::fopen(("/proc/" + std::to_string(pid) + "/" + what).c_str(), "re"), std::fclose};
}

/// Behind a name like "SigBlk:"; empty: it is gone.
std::string text_in_status(pid_t tid, std::string_view name)
{
    const file_ptr status = opened(tid, "status");
    std::array<char, 256> line{};
    while (status != nullptr && std::fgets(line.data(), line.size(), status.get()) != nullptr)
        if (std::string_view(line.data()).starts_with(name))
            return line.data() + name.size();
    return {};
}

bool has_signal(pid_t tid, std::string_view set, int signal)
{
    return (number_in_status(tid, set, 16) >> (signal - 1) & 1) != 0;
}

} // namespace

bool is_thread_of(pid_t tgid, pid_t tid)
{
    struct stat there {};
    return tgid != tid &&
           stat(("/proc/" + std::to_string(tgid) + "/task/" + std::to_string(tid)).c_str(), &there) == 0;
}

std::uint64_t number_in_status(pid_t tid, std::string_view name, int base)
{
    return std::strtoull(text_in_status(tid, name).c_str(), nullptr, base);
}

bool blocks(pid_t tid, int signal)
{
    return has_signal(tid, "SigBlk:", signal);
}

bool is_pending(pid_t tid, int signal)
{
    return has_signal(tid, "SigPnd:", signal);
}

bool catches(pid_t tid, int signal)
{
    return has_signal(tid, "SigCgt:", signal);
}

pid_t parent_of(pid_t pid)
{
    return static_cast<pid_t>(number_in_status(pid, "PPid:"));
}

char state_of(pid_t tid)
{
    const std::string state = text_in_status(tid, "State:\t");
    return state.empty() ? '\0' : state.front();
}

std::string exe_of(pid_t pid)
{
    return link_text("/proc/" + std::to_string(pid) + "/exe");
}

std::uintptr_t entry_of(pid_t pid)
{
    const file_ptr vector = opened(pid, "auxv");
    std::array<std::uint64_t, 2> one{};
    while (vector != nullptr && std::fread(one.data(), sizeof one, 1, vector.get()) == 1)
        if (one[0] == AT_ENTRY)
            return one[1];
    return 0;
}

open_file file_of(pid_t pid, std::uint64_t fd)
{
    const std::string number = std::to_string(fd);
    const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + number;
    open_file f;
    f.name = link_text(path);
    struct stat there {};
    if (f.name.empty() || stat(path.c_str(), &there) != 0)
        return f;
    f.endless = S_ISCHR(there.st_mode) && is_endless(there.st_rdev);
    const file_ptr info = opened(pid, "fdinfo/" + number);
    unsigned flags = 0;
    if (info != nullptr && std::fscanf(info.get(), "pos: %*d flags: %o", &flags) == 1)
        f.blocking = (flags & O_NONBLOCK) == 0;
    return f;
}

std::string errno_text(std::string_view what)
{
    return std::string(what) + ": " + std::generic_category().message(errno);
}

} // namespace nmisim::exec
