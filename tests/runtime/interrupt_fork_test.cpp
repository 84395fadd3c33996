// SPDX-License-Identifier: MIT
//
// A child of fork() goes on by itself; one that came about otherwise is refused.
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <array>
#include <cstdio>
#include <string>
#include <sys/wait.h>

using namespace nmisim;
using namespace nmisim::test;

namespace {

int exit_code_of(pid_t child)
{
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Holds every thread but one, which has a timer and is to go on.
struct holding_others {
    gate* g;
    pid_t free;
    void operator()(const event& e) noexcept
    {
        if (e.tid() == free)
            return;
        ++g->inside;
        while (!g->open)
            sched_yield();
        --g->inside;
    }
};

std::string blocked_in_a_program()
{
    std::string text;
    if (FILE* const out = popen("grep SigBlk /proc/self/status", "r"); out != nullptr) {
        std::array<char, 128> line{};
        if (std::fgets(line.data(), line.size(), out) != nullptr)
            text = line.data();
        pclose(out);
    }
    return text;
}

} // namespace

TEST_CASE("a child of fork() has its own books, readers and timers, whatever the parent's threads were doing",
          "[fork]")
{
    const auto seen = in_child(100, [] {
        tally t;
        gate g;
        interrupt i({.signal = SIGPROF});
        slot<holding_others> s(i);
        slot<counting> counted(i);
        worker w([&] { attach_for_good(i); });
        i.raise(w.tid());
        if (i.drain(patient) != outcome::drained || i.books().handled != 1)
            return std::string("no event");
        (void)s.exchange(make<holding_others>(holding_others{&g, gettid()}), patient);
        attach_timer(i, {.cpu_hz = 1000});
        i.raise(w.tid());
        if (!eventually([&] { return g.inside == 1; }))
            return std::string("no handler");
        sigset_t before;
        pthread_sigmask(SIG_BLOCK, nullptr, &before);
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            g.open = true;
            sigset_t now;
            pthread_sigmask(SIG_BLOCK, nullptr, &now);
            for (int signo = 1; signo < 65; ++signo)
                if (sigismember(&before, signo) != sigismember(&now, signo))
                    _exit(1);
            if (i.books().raised != 0 || i.books().attached != 1)
                _exit(2);
            if (counted.exchange(make<counting>(t), deadline::none()).result != outcome::drained)
                _exit(3);
            if (s.exchange({}, deadline::none()).result != outcome::drained)
                _exit(4);
            if (i.raise(gettid()) != raise_result::raised || i.drain(patient) != outcome::drained)
                _exit(5);
            if (i.books().raised != 1 || i.books().handled != 1 || t.last_tid != getpid())
                _exit(6);
            attach_timer(i, {.cpu_hz = 1000});
            if (!eventually([&] { return i.books().timer_events != 0; }))
                _exit(7);
            _exit(i.close(deadline::none()) == outcome::drained ? 0 : 8);
        }
        const int code = exit_code_of(child);
        g.open = true;
        return std::to_string(code) + to_string(i.drain(patient));
    });
    CHECK(seen.text == "0drained");
}

TEST_CASE("a child of _Fork() is refused, and signals none of its parent's threads", "[fork]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        worker w;
        const pid_t child = _Fork();
        if (child == 0) {
            if (i.raise(w.tid()) != raise_result::refused_in_child)
                _exit(1);
            if (s.exchange({}, patient).result != outcome::refused_in_child)
                _exit(2);
            if (i.drain(patient) != outcome::refused_in_child)
                _exit(3);
            _exit(i.close(patient) == outcome::refused_in_child ? 0 : 4);
        }
        const int code = exit_code_of(child);
        return std::to_string(code) + std::to_string(i.books().unattached_handled + i.books().foreign);
    });
    CHECK(seen.text == "00");
}

TEST_CASE("programs that are started inherit no blocked signal", "[fork]")
{
    const auto seen = in_child(60, [] {
        const std::string before = blocked_in_a_program();
        interrupt i({.signal = SIGPROF});
        const attachment here = i.attach_this_thread();
        const std::string now = blocked_in_a_program();
        return std::string(before == now && !now.empty() ? "same" : "changed: " + now);
    });
    CHECK(seen.text == "same");
}
