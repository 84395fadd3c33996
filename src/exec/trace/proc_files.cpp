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

/// In the set of its status that is called so, "SigBlk:".
bool has_signal(pid_t tid, std::string_view set, int signal)
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> status(
        std::fopen(("/proc/" + std::to_string(tid) + "/status").c_str(), "re"), std::fclose);
    std::array<char, 256> line{};
    while (status != nullptr && std::fgets(line.data(), line.size(), status.get()) != nullptr)
        if (std::string_view(line.data()).starts_with(set))
            return (std::strtoull(line.data() + set.size(), nullptr, 16) >> (signal - 1) & 1) != 0;
    return false;
}

} // namespace

bool is_thread_of(pid_t tgid, pid_t tid)
{
    struct stat there {};
    return tgid != tid &&
           stat(("/proc/" + std::to_string(tgid) + "/task/" + std::to_string(tid)).c_str(), &there) == 0;
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
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stat(
        std::fopen(("/proc/" + std::to_string(pid) + "/stat").c_str(), "re"), std::fclose);
    std::array<char, 512> text{};
    const std::size_t n = stat != nullptr ? std::fread(text.data(), 1, text.size() - 1, stat.get()) : 0;
    const std::string_view all(text.data(), n);
    pid_t parent = 0;
    // Behind the name, which may hold any character: state, parent.
    const std::size_t name_end = all.rfind(')');
    if (name_end == all.npos || std::sscanf(text.data() + name_end + 1, " %*c %d", &parent) != 1)
        return 0;
    return parent;
}

char state_of(pid_t tid)
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> status(
        std::fopen(("/proc/" + std::to_string(tid) + "/status").c_str(), "re"), std::fclose);
    std::array<char, 256> line{};
    char state = 0;
    while (status != nullptr && std::fgets(line.data(), line.size(), status.get()) != nullptr)
        if (std::sscanf(line.data(), "State: %c", &state) == 1)
            break;
    return state;
}

std::string exe_of(pid_t pid)
{
    return link_text("/proc/" + std::to_string(pid) + "/exe");
}

std::string file_name_of(std::string_view path)
{
    const std::size_t slash = path.rfind('/');
    return std::string(slash == path.npos ? path : path.substr(slash + 1));
}

std::uintptr_t entry_of(pid_t pid)
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> vector(
        std::fopen(("/proc/" + std::to_string(pid) + "/auxv").c_str(), "re"), std::fclose);
    std::array<std::uint64_t, 2> one{};
    while (vector != nullptr && std::fread(one.data(), sizeof one, 1, vector.get()) == 1)
        if (one[0] == AT_ENTRY)
            return one[1];
    return 0;
}

open_file file_of(pid_t pid, std::uint64_t fd)
{
    const std::string of = "/proc/" + std::to_string(pid);
    const std::string number = std::to_string(fd);
    open_file f;
    f.name = link_text(of + "/fd/" + number);
    struct stat there {};
    if (f.name.empty() || stat((of + "/fd/" + number).c_str(), &there) != 0)
        return f;
    f.endless = S_ISCHR(there.st_mode) && is_endless(there.st_rdev);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> info(
        std::fopen((of + "/fdinfo/" + number).c_str(), "re"), std::fclose);
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
