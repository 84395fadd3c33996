// SPDX-License-Identifier: MIT
//
// Breakpoints that a traced process has in its memory, and who has planted them.
#include "exec/trace/arch.hpp"
#include "exec/trace/breakpoints.hpp"
#include "exec/trace/memory.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <memory>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::exec;

namespace {

alignas(8) constinit std::uint64_t code[] = {0x9090909090909090, 0x9090909090909090};

/// A process that is stopped, with what is taken for code in its memory.
class stopped_process {
public:
    stopped_process()
    {
        if ((pid_ = fork()) == 0) {
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            std::raise(SIGSTOP);
            _exit(0);
        }
        waitpid(pid_, nullptr, 0);
    }
    ~stopped_process()
    {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    stopped_process(const stopped_process&) = delete;
    stopped_process& operator=(const stopped_process&) = delete;

    /// As a process of that number.
    task as(pid_t number) const
    {
        task t;
        t.tid = pid_;
        t.in = std::make_shared<process>();
        t.in->tgid = number;
        return t;
    }
    /// As if it had executed the breakpoint.
    void run_onto_it() const
    {
        saved_registers r{};
        read_registers(pid_, r);
        move_to(r, at() + 1);
        write_registers(pid_, r);
    }
    static std::uintptr_t at() { return reinterpret_cast<std::uintptr_t>(code); }

private:
    pid_t pid_ = 0;
};

} // namespace

TEST_CASE("a breakpoint of ours is taken away once, and then from a child's memory")
{
    const stopped_process p;
    breakpoints ours;
    REQUIRE(ours.plant(p.as(1), p.at()));
    p.run_onto_it();
    const auto first = ours.take(p.as(1));
    REQUIRE(first);
    CHECK(!first->inherited);
    CHECK(read_word(p.as(1).tid, p.at()) == code[0]);
    for (const pid_t other_thread_or_child : {1, 2}) {
        p.run_onto_it();
        const auto later = ours.take(p.as(other_thread_or_child));
        REQUIRE(later);
        CHECK(later->inherited);
    }
}

TEST_CASE("a breakpoint that a program has where another one had one of ours is its own")
{
    const stopped_process p;
    breakpoints ours;
    REQUIRE(ours.plant(p.as(1), p.at()));
    p.run_onto_it();
    REQUIRE(ours.take(p.as(1)));
    REQUIRE(write_word(p.as(1).tid, p.at(), with_breakpoint(~code[0])));
    p.run_onto_it();
    CHECK(!ours.take(p.as(2)));
    CHECK(read_word(p.as(1).tid, p.at()) == with_breakpoint(~code[0]));
}
