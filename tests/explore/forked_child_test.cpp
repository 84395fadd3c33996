// SPDX-License-Identifier: MIT
//
// NMIs in a process that the window makes, from its first instruction to its exec or exit.
#include "nmisim/explore_replay.hpp"
#include "support/catch2.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

int self_pipe[2];
int owner;
int status_of_child;
int* volatile nowhere = reinterpret_cast<int*>(0x10);
int* handlers_in_child; ///< in memory that both have

void make_pipe()
{
    if (pipe2(self_pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        _exit(9);
    owner = getpid();
    handlers_in_child = static_cast<int*>(
        mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void prepare()
{
    owner = getpid(); // of a run in a process of its own
    *handlers_in_child = 0;
    status_of_child = 0;
}

void tell()
{
    static_cast<void>(!write(self_pipe[1], "x", 1));
}

void tell_if_owner()
{
    if (getpid() == owner)
        tell();
    else
        *handlers_in_child = *handlers_in_child + 1;
}

const char* told_by_the_child()
{
    char c = 0;
    return read(self_pipe[0], &c, 1) == 1 ? "the child has told its parent" : nullptr;
}

const char* once_in_the_child()
{
    if (const char* wrong = told_by_the_child(); wrong != nullptr)
        return wrong;
    return *handlers_in_child == 1 ? nullptr : "not one handler in the child";
}

const char* child_must_exit()
{
    return WIFEXITED(status_of_child) && WEXITSTATUS(status_of_child) == 0 ? nullptr : "the child was killed";
}

void wait_for(pid_t child)
{
    waitpid(child, &status_of_child, 0);
}

void fork_and_exit()
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
}

void fork_and_exec()
{
    const pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", nullptr);
        _exit(127);
    }
    wait_for(child);
}

void vfork_and_exec()
{
    const pid_t child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", nullptr);
        _exit(127);
    }
    wait_for(child);
}

void spawn()
{
    char name[] = "true";
    char* const arguments[] = {name, nullptr};
    pid_t child = 0;
    if (posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments, environ) == 0)
        wait_for(child);
}

void blocked_from_fork_to_exec()
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    fork_and_exec();
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

void default_in_the_child()
{
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGTRAP, SIG_DFL);
        std::signal(SIGRTMIN + 1, SIG_DFL);
        _exit(0);
    }
    wait_for(child);
}

void exec_fails()
{
    const pid_t child = fork();
    if (child == 0) {
        execl("/no/such/file", "file", nullptr);
        _exit(0);
    }
    wait_for(child);
}

void exec_fails_before_much()
{
    const pid_t child = fork();
    if (child == 0) {
        execl("/no/such/file", "file", nullptr);
        for (int i = 0; i < 100'000; ++i)
            asm volatile("nop");
        _exit(0);
    }
    wait_for(child);
}

// Of a process that stands still; 0: not known.
int parent_of(int pid)
{
    int parent = 0;
    if (std::FILE* f = std::fopen(("/proc/" + std::to_string(pid) + "/stat").c_str(), "re"); f != nullptr) {
        if (std::fscanf(f, "%*d (%*[^)]) %*c %d", &parent) != 1)
            parent = 0;
        std::fclose(f);
    }
    return parent;
}

target forking(const char* name, function window, function nmi = tell_if_owner,
               oracle broken = once_in_the_child)
{
    return {.name = name,
            .setup = make_pipe,
            .prepare = prepare,
            .window = window,
            .nmi = nmi,
            .broken = broken,
            .forked_child = true};
}

} // namespace

TEST_CASE("a handler that tells its parent's main loop does so at each boundary of a forked child")
{
    const sweep_report r = sweep(forking("tells", fork_and_exit, tell, told_by_the_child));
    INFO(to_text(r));
    CHECK(exit_code(r) == 3);
    CHECK(r.boundaries.size() > 5);
    CHECK(r.count(verdict::violation) == r.boundaries.size());
    for (const sweep_cell& c : r.cells)
        CHECK(c.delivered_at == r.boundaries[c.boundary].ip);
}

TEST_CASE(
    "a handler that knows whose it is comes once, at each boundary from the fork to the exec, and is clean")
{
    const function window = GENERATE(as<function>{}, fork_and_exec, exec_fails);
    const sweep_report r = sweep(forking("knows", window));
    INFO(to_text(r));
    CHECK(exit_code(r) == 0);
    CHECK(r.count(verdict::clean) == r.boundaries.size());
    CHECK(r.handler_runs() == r.boundaries.size());
    bool at_exec = false;
    for (const place& p : r.boundaries)
        at_exec = at_exec || p.symbol.find("execve") != std::string::npos;
    CHECK(at_exec);
}

TEST_CASE("a child made by vfork is explored as well")
{
    const sweep_report r = sweep(forking("vfork", vfork_and_exec, tell, told_by_the_child));
    INFO(to_text(r));
    CHECK(exit_code(r) == 3);
    CHECK(r.count(verdict::violation) == r.boundaries.size());
}

TEST_CASE("the child of posix_spawn puts all handlers back, and is stepped to its exec all the same")
{
    const sweep_report r = record(forking("spawn", spawn)); // thousands of boundaries
    INFO(to_text(r));
    CHECK(r.complete);
    CHECK(r.boundaries.size() > 100);
    REQUIRE_FALSE(r.boundaries.empty());
    CHECK(r.boundaries.back().symbol.find("execve") != std::string::npos);
}

TEST_CASE("a child that blocks its signals from the fork to its exec has none of its parent's handlers run")
{
    const sweep_report r = sweep(forking("blocked", blocked_from_fork_to_exec, tell, told_by_the_child));
    INFO(to_text(r));
    CHECK(exit_code(r) == 0);
    CHECK(r.count(verdict::held) == r.boundaries.size());
}

TEST_CASE("the check is asked also where a child has the signal blocked to its end")
{
    const function blocked = [] {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before);
        fork_and_exit();
        sigprocmask(SIG_SETMASK, &before, nullptr);
    };
    const sweep_report r = sweep(forking("asked", blocked, tell, [] { return "asked"; }));
    INFO(to_text(r));
    CHECK(r.count(verdict::violation) == r.boundaries.size());
}

TEST_CASE("a child that stands still is a hang that names where it stands")
{
    limits one;
    one.bad_ends = 1;
    const sweep_report r = sweep(forking("stands", fork_and_exit,
                                         [] {
                                             if (getpid() != owner)
                                                 pause();
                                         }),
                                 one);
    INFO(to_text(r));
    CHECK(r.count(verdict::hang) == 1);
    REQUIRE_FALSE(r.cells.empty());
    CHECK(r.cells.front().what.find("pause") != std::string::npos);
}

TEST_CASE("behind the default action the signal ends the child, and the check is asked")
{
    const sweep_report r = sweep(forking("default", default_in_the_child, tell_if_owner, child_must_exit));
    INFO(to_text(r));
    CHECK(exit_code(r) == 3);
    CHECK(r.count(verdict::violation) > 0);
    CHECK(r.count(verdict::clean) > 0);
    CHECK(r.count(verdict::violation) + r.count(verdict::clean) == r.boundaries.size());
    const sweep_report unasked = sweep(forking("default", default_in_the_child, tell_if_owner, nullptr));
    CHECK(unasked.count(verdict::unhandled) == r.count(verdict::violation));
}

TEST_CASE("a recording that goes on behind an exec that failed, and has no end, is not whole")
{
    limits few;
    few.boundaries = 3000;
    const sweep_report r = record(forking("goes on", exec_fails_before_much), few);
    INFO(to_text(r));
    CHECK(r.incomplete.find("more than 3000 boundaries") != std::string::npos);
}

TEST_CASE("a handler that crashes in a forked child is a crash that names its place")
{
    const function window = GENERATE(as<function>{}, fork_and_exit, vfork_and_exec);
    const sweep_report r = sweep(forking(
        "crashes", window,
        [] {
            if (getpid() != owner)
                *static_cast<volatile int*>(nowhere) = 1;
        },
        nullptr));
    INFO(to_text(r));
    CHECK(exit_code(r) == 3);
    CHECK(r.count(verdict::crash) == r.boundaries.size());
    REQUIRE_FALSE(r.cells.empty());
    const std::string& what = r.cells.front().what;
    CHECK(what.find("the child was killed by SIGSEGV (SEGV_MAPERR, address 0x10) in ") == 0);
    CHECK_FALSE(r.cells.front().token.empty());
}

TEST_CASE("a finding in a forked child comes again by its token, held in the child")
{
    const target what = forking("tells", fork_and_exit, tell, told_by_the_child);
    const sweep_report r = sweep(what);
    REQUIRE_FALSE(r.cells.empty());
    std::vector<int> parents;
    const sweep_report again = replay(what, r.cells.back().token, {},
                                      [&](const held_run& run) { parents.push_back(parent_of(run.pid)); });
    INFO(to_text(again));
    CHECK(exit_code(again) == 3);
    REQUIRE(parents.size() == 1);
    CHECK(parents[0] != 0);
    CHECK(parents[0] != getpid()); // that is the exploring process's
}

TEST_CASE("a window that makes no process, and what does not go together, is not clean")
{
    const sweep_report none = sweep(forking("none", [] { static_cast<void>(getppid()); }));
    INFO(to_text(none));
    CHECK(exit_code(none) == 1);
    CHECK(none.incomplete == "the window made no process");
    target both = forking("both", fork_and_exit);
    both.thread_end = true;
    CHECK(exit_code(sweep(both)) == 1);
}
