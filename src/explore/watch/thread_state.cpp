// SPDX-License-Identifier: MIT
#include "explore/watch/thread_state.hpp"

#include "explore/step/system_call.hpp"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, file);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    char text[4096];
    const ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
}

void read_stat(thread_state& s, const std::string& stat)
{
    const std::size_t name_end = stat.rfind(')'); // the name may hold anything
    if (name_end == std::string::npos || name_end + 2 >= stat.size())
        return;
    s.letter = stat[name_end + 2];
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

// A child of any thread: its end is a signal to the process.
bool has_children(int pid)
{
    for (const int tid : threads_of(pid))
        if (!contents(pid, tid, "children").empty())
            return true;
    return false;
}

} // namespace

bool thread_state::asleep_for_ever() const noexcept
{
    if (letter != 'S' || system_call < 0)
        return false;
    if (system_call == SYS_futex) {
        const int operation = static_cast<int>(arg[1]) & FUTEX_CMD_MASK;
        return (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET || operation == FUTEX_LOCK_PI) &&
               arg[3] == 0;
    }
    return system_call == SYS_rt_sigsuspend && !child_may_wake; // a thread in wait4 has a child that may end
}

std::string thread_state::in_words() const
{
    char text[160];
    if (letter == 'S' && system_call == SYS_futex)
        std::snprintf(text, sizeof text, "asleep in futex wait on 0x%" PRIx64 "%s", arg[0],
                      arg[3] == 0 ? ", no time-out" : "");
    else if (asleep() && system_call >= 0)
        std::snprintf(text, sizeof text, "asleep in %s (nr %ld)", name_of_system_call(system_call),
                      system_call);
    else
        std::snprintf(text, sizeof text, "%s (state %c)", letter == 'R' ? "running" : "stopped", letter);
    return text;
}

thread_state state_of(int pid, int tid)
{
    thread_state s;
    s.tid = tid;
    read_stat(s, contents(pid, tid, "stat"));
    if (s.asleep())
        read_system_call(s, contents(pid, tid, "syscall"));
    s.child_may_wake = s.system_call == SYS_rt_sigsuspend && has_children(pid);
    const std::string status = contents(pid, tid, "status");
    const char* field = std::strstr(status.c_str(), "voluntary_ctxt_switches:");
    if (field != nullptr)
        s.switches = std::strtoull(field + std::strlen("voluntary_ctxt_switches:"), nullptr, 10);
    return s;
}

std::vector<int> threads_of(int pid)
{
    std::vector<int> tids;
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR* dir = opendir(path);
    if (dir == nullptr)
        return tids;
    while (const dirent* entry = readdir(dir)) {
        const char* name = entry->d_name;
        int tid = 0;
        if (std::from_chars(name, name + std::strlen(name), tid).ec == std::errc())
            tids.push_back(tid);
    }
    closedir(dir);
    return tids;
}

bool standstill::look(int pid, unsigned looks)
{
    std::uint64_t sum = 0;
    for (const int tid : threads_of(pid)) {
        const thread_state s = state_of(pid, tid);
        sum += s.switches;
        if (!s.asleep_for_ever()) {
            seen = 0;
            return false;
        }
    }
    seen = sum == switches ? seen + 1 : 1;
    switches = sum;
    return seen >= looks;
}

} // namespace nmisim::explore
