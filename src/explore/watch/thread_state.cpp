// SPDX-License-Identifier: MIT
#include "explore/watch/thread_state.hpp"

#include "explore/step/kernel_action.hpp"
#include "explore/step/system_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

// A short file of /proc, whole. Empty when it cannot be read: the thread has ended, or is not ours to see.
std::string contents(int pid, int tid, const char* file)
{
    const int fd = open(fmt::format("/proc/{}/task/{}/{}", pid, tid, file).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    char text[4096];
    const ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
}

std::vector<std::string> names_in(const std::string& folder)
{
    std::vector<std::string> names;
    if (DIR* dir = opendir(folder.c_str())) {
        while (const dirent* entry = readdir(dir))
            names.emplace_back(entry->d_name);
        closedir(dir);
    }
    return names;
}

// Of a file of /proc with a field in each line; 0: it is not there.
std::uint64_t number_behind(std::string_view field, const std::string& text, int base)
{
    const std::size_t at = text.find(field);
    return at == text.npos ? 0 : std::strtoull(text.c_str() + at + field.size(), nullptr, base);
}

void read_system_call(thread_state& s, const std::string& line)
{
    unsigned long long sp = 0;
    unsigned long long pc = 0;
    unsigned long long a[6] = {};
    const int fields = std::sscanf(line.c_str(), "%ld %llx %llx %llx %llx %llx %llx %llx %llx",
                                   &s.system_call, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &sp, &pc);
    if (fields != 9) {
        s.system_call = -1; // "running", or "-1 sp pc" outside a system call
        return;
    }
    for (int i = 0; i < 6; ++i)
        s.arg[i] = a[i];
    s.ip = static_cast<std::uintptr_t>(pc);
}

std::string link_of(const std::string& path)
{
    std::array<char, 128> text{};
    const ssize_t n = readlink(path.c_str(), text.data(), text.size());
    return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

std::string file_of(int pid, std::uint64_t descriptor)
{
    return link_of("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(descriptor)));
}

// Who is at the other end of it is not known: a peer, a terminal, a clock; or
// it came with standard input and output.
bool leads_outside(const std::string& file)
{
    if (file.starts_with("pipe:") || file.starts_with("anon_inode:[event")) {
        for (const std::uint64_t standard : {0, 1, 2})
            if (file == file_of(getpid(), standard))
                return true;
        return false;
    }
    return !file.empty();
}

bool has_a_file_that_leads_outside(int pid)
{
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
    const std::vector<std::string> names = names_in(folder);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        const std::string file = link_of(folder + "/" + name);
        return file.starts_with("socket:") || file.starts_with("anon_inode:[timerfd") ||
               file.starts_with("anon_inode:inotify");
    });
}

// alarm() and setitimer() are seen by their handler only.
bool has_a_timer(int pid)
{
    if (!contents(pid, pid, "../../timers").empty())
        return true;
    return (number_behind("SigCgt:", contents(pid, pid, "status"), 16) & bit_of(SIGALRM)) != 0;
}

bool children_are_listed()
{
    static const bool listed = access("/proc/thread-self/children", R_OK) == 0;
    return listed;
}

bool waits_for_files(long nr) noexcept
{
    constexpr std::uint64_t any_time_out[6] = {1, 1, 1, 1, 1, 1};
    return arch::polls(nr) || nr == SYS_pselect6 || nr == SYS_epoll_pwait ||
           arch::older_wait_has_time_out(nr, any_time_out);
}

bool others_may_wake(int pid, const thread_state& s)
{
    switch (s.system_call) {
    case SYS_futex: return false;
    case SYS_wait4:
    case SYS_waitid: return !children_are_listed();
    case SYS_rt_sigsuspend: return !children_are_listed() || has_a_timer(pid);
    case SYS_read:
    case SYS_readv:
    case SYS_write:
    case SYS_writev: return has_a_timer(pid) || leads_outside(file_of(pid, s.arg[0]));
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_sendto:
    case SYS_sendmsg: return true;
    default:
        return has_a_timer(pid) || (waits_for_files(s.system_call) && has_a_file_that_leads_outside(pid));
    }
}

} // namespace

bool thread_state::asleep_for_ever() const noexcept
{
    return letter == 'S' && system_call >= 0 && sleeps_without_time_out(system_call, arg) && !others_may_wake;
}

std::string thread_state::in_words() const
{
    if (letter == 'S' && system_call == SYS_futex)
        return fmt::format("asleep in futex wait on {:#x}{}", arg[0], arg[3] == 0 ? ", no time-out" : "");
    if (asleep() && system_call >= 0)
        return fmt::format("asleep in {} (nr {})", name_of_system_call(system_call), system_call);
    return fmt::format("{} (state {})", letter == 'R' ? "running" : "stopped", letter);
}

thread_state state_of(int pid, int tid)
{
    thread_state s;
    const std::string stat = contents(pid, tid, "stat");
    const std::size_t name_end = stat.rfind(')'); // the name may hold anything
    if (name_end != stat.npos && name_end + 2 < stat.size())
        s.letter = stat[name_end + 2];
    if (s.asleep())
        read_system_call(s, contents(pid, tid, "syscall"));
    s.others_may_wake = s.letter == 'S' && s.system_call >= 0 && others_may_wake(pid, s);
    s.switches = number_behind("voluntary_ctxt_switches:", contents(pid, tid, "status"), 10);
    return s;
}

std::vector<int> threads_of(int pid)
{
    std::vector<int> tids;
    for (const std::string& name : names_in(fmt::format("/proc/{}/task", pid))) {
        int tid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc())
            tids.push_back(tid);
    }
    return tids;
}

bool is_alone() noexcept
{
    const long folder = arch::raw_system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/task"),
                                              O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    alignas(dirent) std::array<char, 1024> entries;
    unsigned threads = 0;
    for (long n = 1; n > 0;) { // no folder: nothing is read
        n = arch::raw_system_call(SYS_getdents64, folder, reinterpret_cast<long>(entries.data()),
                                  static_cast<long>(entries.size()));
        for (long at = 0; at < n;) {
            const auto* const entry = reinterpret_cast<const dirent*>(entries.data() + at);
            threads += entry->d_name[0] != '.' ? 1 : 0;
            at += entry->d_reclen;
        }
    }
    arch::raw_system_call(SYS_close, folder);
    return threads == 1;
}

std::vector<int> family_of(int pid)
{
    std::vector<int> all{pid};
    for (std::size_t i = 0; i < all.size(); ++i)
        for (const int tid : threads_of(all[i])) {
            const std::string children = contents(all[i], tid, "children");
            for (const char* at = children.c_str(); *at != 0;) {
                char* end = nullptr;
                const long child = std::strtol(at, &end, 10);
                if (end == at || *end == 0)
                    break; // what a read has cut off
                all.push_back(static_cast<int>(child));
                at = end + 1;
            }
        }
    return all;
}

activity standstill::look(int pid, unsigned looks, int helper)
{
    std::uint64_t sum = 0;
    bool all_asleep = false;
    bool all_for_ever = true;
    for (const int process : family_of(pid))
        for (const int tid : threads_of(process)) {
            const thread_state s = state_of(process, tid);
            if (s.ended())
                continue;
            if (s.runs()) {
                seen = 0;
                return activity::running;
            }
            all_asleep = true;
            all_for_ever = all_for_ever && s.asleep_for_ever();
            sum += s.switches;
        }
    for (const int tid : helper != 0 ? threads_of(helper) : std::vector<int>()) {
        const thread_state s = state_of(helper, tid);
        all_for_ever = all_for_ever && (s.ended() || s.asleep_for_ever());
        sum += s.switches;
    }
    if (!all_asleep || !all_for_ever) {
        seen = 0;
        return all_asleep ? activity::asleep : activity::running;
    }
    seen = sum == switches ? seen + 1 : 1;
    switches = sum;
    return seen >= looks ? activity::for_ever : activity::asleep;
}

} // namespace nmisim::explore
