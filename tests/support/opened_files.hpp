// SPDX-License-Identifier: MIT
//
// Which files a piece of code opens, and how: it runs in a child whose openat(2) calls are watched by ptrace(2). For
// rules that cannot be seen afterwards, such as O_EXCL.
#pragma once

#include "support/child.hpp"

#include <array>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace nmisim::test {

struct opened_file {
    std::string path;
    unsigned flags = 0;
    unsigned mode = 0;
};

inline std::string text_at(pid_t child, std::uint64_t address)
{
    std::string text;
    std::array<char, 1> c{1};
    for (; c[0] != 0 && text.size() < 4096; ++address) {
        iovec here{c.data(), 1};
        iovec there{reinterpret_cast<void*>(address),
                    1}; // NOLINT(performance-no-int-to-ptr): another process's
        if (process_vm_readv(child, &here, 1, &there, 1, 0) != 1)
            break;
        if (c[0] != 0)
            text += c[0];
    }
    return text;
}

/// Empty where this system lets nobody be traced. Context: a process with one thread.
template <class Body>
std::vector<opened_file> opened_files(Body body)
{
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
            _exit(1);
        raise(SIGSTOP);
        body();
        _exit(0);
    }
    std::vector<opened_file> seen;
    int status = 0;
    bool begun = false;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        if (!begun) // stops at system calls are to be told from others
            ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
        begun = true;
        __ptrace_syscall_info info{};
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0 &&
            info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_openat)
            seen.push_back({text_at(child, info.entry.args[1]), static_cast<unsigned>(info.entry.args[2]),
                            static_cast<unsigned>(info.entry.args[3])});
        if (ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0)
            break;
    }
    return seen;
}

} // namespace nmisim::test
