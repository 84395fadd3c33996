// SPDX-License-Identifier: MIT
//
// A program that calls torn_work() often: `torn_often CALLS ROUNDS HOW`. It says in which call a handler saw the pair torn first.
#include "fixtures.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

extern "C" {
extern volatile int torn_pair[2];
void torn_work(int rounds);
void straight_work();
void nested_work(int depth);
/// Calls it from where it is called from, so that both calls return to one place.
static __attribute__((noinline)) void calls_nested_work(int depth)
{
    nested_work(depth);
    asm volatile("");
}
__attribute__((noinline)) void nested_work(int depth)
{
    asm volatile(".rept 8\n\tnop\n\t.endr");
    if (depth > 0)
        calls_nested_work(depth - 1);
    asm volatile(".rept 8\n\tnop\n\t.endr");
}
/// Has a breakpoint of the program's own.
__attribute__((noinline)) void trapping_work()
{
    asm volatile("nop\n\tint3\n\tnop");
}
/// Many instructions, each executed once.
__attribute__((noinline)) void straight_work()
{
    asm volatile(".rept 150\n\tnop\n\t.endr");
}
}

namespace fixture {

namespace {

volatile int call = 0;
volatile int torn_in = 0;

void tells_the_call(int)
{
    if (torn_pair[0] != torn_pair[1] && torn_in == 0)
        torn_in = call;
}

volatile int seen = 0;

void counts(int)
{
    seen = seen + 1;
}

void looks_not(int) {}

void handle_by(void (*handler)(int))
{
    struct sigaction action {};
    action.sa_handler = handler;
    sigaction(SIGUSR1, &action, nullptr);
}

void hold_back(int how)
{
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(how, &usr1, nullptr);
}

/// Calls straight_work() when the process that forks it here says so, or has ended.
class child_that_calls {
public:
    child_that_calls()
    {
        if (pipe2(go_on_, O_CLOEXEC) != 0 || (child_ = fork()) != 0)
            return;
        close(go_on_[1]);
        char nothing = 0;
        const bool is_left = read(go_on_[0], &nothing, 1) != 1;
        straight_work();
        say(is_left ? "left\n" : "called\n");
        _exit(0);
    }
    void call() const
    {
        if (write(go_on_[1], "", 1) == 1)
            say(wait_for(child_) == 0 ? "ended\n" : "killed\n");
    }

private:
    int go_on_[2]{};
    pid_t child_ = 0;
};

/// HOW: seen; unseen; gone: some calls have no handler; varies: each second call has one round; blocked: the signal, up to
/// where the pair is torn, in the middle; thread, child: another one was there before; straight: it calls straight_work();
/// waits, left: so does behind it a child that is older; nested: nested_work(); traps: trapping_work();
/// twice: it tells whether more than one signal came
int torn_often(int argc, char** argv)
{
    const int calls = argc > 0 ? std::atoi(argv[0]) : 1;
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 2;
    const auto is = [&](const char* how) { return argc > 2 && std::strcmp(argv[2], how) == 0; };
    const bool is_seen = is("seen") || is("varies") || is("blocked");
    if (is("thread"))
        std::thread([] {}).join();
    if (is("child"))
        child_that_calls().call();
    std::optional<child_that_calls> other;
    if (is("waits") || is("left"))
        other.emplace();
    if (is("blocked"))
        hold_back(SIG_BLOCK);
    std::signal(SIGTRAP, looks_not);
    for (int i = 1; i <= calls; ++i) {
        call = i;
        handle_by(is("gone") && i > 5 && i < 20 ? SIG_DFL
                  : is_seen                     ? tells_the_call
                  : is("twice")                 ? counts
                                                : looks_not);
        if (is("straight") || other)
            straight_work();
        else if (is("traps"))
            trapping_work();
        else if (is("nested"))
            calls_nested_work(2);
        else
            torn_work(is("varies") && i % 2 == 0 ? 1 : rounds);
        if (is("blocked") && i == calls / 2) {
            torn_pair[0] = -1;
            hold_back(SIG_UNBLOCK);
            torn_pair[1] = -1;
        }
    }
    if (is("waits"))
        other->call();
    if (seen > 1)
        say("twice\n");
    say(torn_in != 0 ? ("torn in call " + std::to_string(torn_in) + "\n").c_str() : "whole\n");
    return 0;
}

} // namespace

const entry often[] = {{"torn_often", torn_often}, {nullptr, nullptr}};

} // namespace fixture
