// SPDX-License-Identifier: MIT
//
// The purity audit of handlers that end the process, and of names that libc's headers put in place of others. This
// program is bound at its start.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace explore = nmisim::explore;
using explore::audit;
using explore::audit_report;

extern "C" {
void* __memcpy_chk(void*, const void*, std::size_t, std::size_t);
ssize_t __read_chk(int, void*, std::size_t, std::size_t);
int __poll_chk(pollfd*, nfds_t, int, std::size_t);
}

namespace {

volatile long sink;
char text[64] = "12";

struct ends_late {
    ~ends_late() { std::free(std::malloc(static_cast<std::size_t>(sink) + 8)); }
} late;

void large_files()
{
    const int fd = open64("/dev/null", O_RDWR);
    sink = fcntl64(fd, F_GETFL);
    sink = lseek64(fd, 0, SEEK_SET);
    struct stat64 status {};
    sink = fstat64(fd, &status);
    sink = close(fd);
}

void checked_forms()
{
    volatile std::size_t length = 4; // a constant would leave no call
    __memcpy_chk(text + 8, text, length, sizeof text - 8);
    sink = __read_chk(-1, text, 1, sizeof text);
    sink = __poll_chk(nullptr, 0, 0, 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(static_cast<int>(sink) & 7, &set);
}

void many_that_posix_allows()
{
    sink = SIGRTMIN + SIGRTMAX;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sink = sigprocmask(SIG_BLOCK, &set, nullptr);
    struct sigaction action {};
    sink = sigaction(SIGUSR2, nullptr, &action);
    timespec now{};
    sink = clock_gettime(CLOCK_MONOTONIC, &now);
    sink = time(nullptr);
    int ends[2];
    sink = pipe(ends);
    sink = write(ends[1], text, 1);
    sink = read(ends[0], text + 8, 1);
    struct stat status {};
    sink = stat("/", &status);
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    sink = waitpid(child, nullptr, 0);
    sink = kill(getpid(), 0);
    sink = static_cast<long>(std::strlen(text));
    errno = 0;
}

} // namespace

TEST_CASE("a handler that ends the process by a function that is safe is complete, and clean")
{
    struct row {
        explore::function handler;
        std::string ends;
    };
    const row r = GENERATE(row{[] { _exit(3); }, "ends the process, exit code 3"},
                           row{[] { _exit(0); }, "ends the process, exit code 0"},
                           row{[] { std::abort(); }, "ends the process by SIGABRT"},
                           row{[] { raise(SIGTERM); }, "ends the process by SIGTERM"},
                           row{[] { kill(getpid(), SIGKILL); }, "ends the process by SIGKILL"});
    const audit_report a = audit("end", r.handler);
    INFO(to_text(a, true));
    CHECK(a.ends == r.ends);
    CHECK(a.complete);
    CHECK(exit_code(a) == 0);
    CHECK(to_text(a).find("the handler " + r.ends) != std::string::npos);
}

TEST_CASE("a handler that becomes another program is complete")
{
    const audit_report a = audit("exec", [] {
        static char path[] = "/bin/true";
        static char* const arguments[] = {path, nullptr};
        execve(path, arguments, arguments + 1);
    });
    INFO(to_text(a, true));
    CHECK(a.ends == "becomes another program");
    CHECK(exit_code(a) == 0);
}

TEST_CASE("a handler that crashes is incomplete, whatever it called before")
{
    const audit_report a = audit("crash", [] {
        kill(getpid(), 0);
        sink = getpid();
        *static_cast<volatile int*>(nullptr) = 1;
    });
    INFO(to_text(a, true));
    CHECK(a.ends.empty());
    CHECK_FALSE(a.complete);
    CHECK(a.incomplete == "the handler was killed by SIGSEGV");
    CHECK(exit_code(a) == 1);
}

TEST_CASE("a setup that ends the process has audited nothing")
{
    const audit_report a = audit(
        "setup", [] { sink = 1; }, [] { _exit(0); });
    CHECK(a.ends.empty());
    CHECK_FALSE(a.complete);
    CHECK(a.incomplete.starts_with("the handler was not reached"));
    CHECK(exit_code(a) == 1);
}

TEST_CASE("exit in a handler is one finding, without the destructors that it runs")
{
    const audit_report a = audit("exit", [] { std::exit(4); });
    INFO(to_text(a, true));
    REQUIRE(a.entries.size() == 1);
    CHECK(a.entries[0].function == "exit");
    CHECK(a.entries[0].why.find("atexit") != std::string::npos);
    CHECK(a.ends == "ends the process, exit code 4");
    CHECK(exit_code(a) == 3);
}

TEST_CASE("what libc's headers make of safe functions and macros is safe")
{
    const explore::function handler = GENERATE(&large_files, &checked_forms, &many_that_posix_allows);
    const audit_report a = audit("headers", handler);
    INFO(to_text(a, true));
    CHECK(a.entries.size() >= 3);
    CHECK(exit_code(a) == 0);
}

TEST_CASE("a name that only begins like a safe one is not safe")
{
    const audit_report a = audit("strtok", [] { sink = std::strtok(text, "1") != nullptr; });
    INFO(to_text(a, true));
    CHECK(a.unsafe() == 1);
    CHECK(exit_code(a) == 3);
}
