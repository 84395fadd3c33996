// SPDX-License-Identifier: MIT
//
// Whose signal it is, and what becomes of the others.
#include "base/signal_mask.hpp"
#include "runtime/interrupt_state.hpp"
#include "runtime/origin.hpp"
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <fstream>
#include <string>
#include <sys/resource.h>
#include <thread>

using namespace nmisim;
using namespace nmisim::test;

namespace {

std::atomic<int> before_calls{0};
std::atomic<void*> before_value{nullptr};
std::atomic<bool> before_blocked_usr2{false};
std::atomic<int> before_nested{0};
std::atomic<int> before_deepest{0};

void with_info(int, siginfo_t* info, void*)
{
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, nullptr, &now);
    before_blocked_usr2 = sigismember(&now, SIGUSR2) == 1;
    before_value = info->si_value.sival_ptr;
    ++before_calls;
}

void plain(int)
{
    ++before_calls;
}

void nesting(int signo, siginfo_t*, void*)
{
    const int depth = ++before_nested;
    if (depth > before_deepest)
        before_deepest = depth;
    if (++before_calls == 1)
        send_foreign(gettid(), signo);
    --before_nested;
}

void install(void (*handler)(int, siginfo_t*, void*), int flags)
{
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGPROF, &action, nullptr);
}

/// An interrupt with a counting handler, on the calling thread attached.
struct bench {
    explicit bench(int signo) : i({.signal = signo}), s(i), here(i.attach_this_thread())
    {
        (void)s.exchange(make<counting>(t), patient);
    }
    tally t;
    interrupt i;
    slot<counting> s;
    attachment here;
};

} // namespace

TEST_CASE("a foreign signal goes to the handler of before with what it carries, and into no book but its own",
          "[origin]")
{
    const auto seen = in_child(60, [] {
        install(with_info, 0);
        bench b(SIGPROF);
        int x = 0;
        send_foreign(gettid(), SIGPROF, &x);
        const interrupt_books k = b.i.books();
        sigset_t now;
        pthread_sigmask(SIG_BLOCK, nullptr, &now);
        return number(k.foreign) + number(k.foreign_ignored) + number(k.handled) +
               number(k.unattached_handled) + std::to_string(b.t.runs.load()) +
               std::to_string(before_calls.load()) + (before_value == &x ? " value" : "") +
               (before_blocked_usr2 ? " mask" : "") + (sigismember(&now, SIGUSR2) == 0 ? " restored" : "");
    });
    CHECK(seen.text == "100001 value mask restored");
}

TEST_CASE("a handler of before that takes no siginfo is called as such; ignored and default do nothing",
          "[origin]")
{
    void (*const before)(int) = GENERATE(static_cast<void (*)(int)>(plain), SIG_IGN, SIG_DFL);
    const auto seen = in_child(60, [&] {
        signal(SIGPROF, before);
        bench b(SIGPROF);
        send_foreign(gettid(), SIGPROF);
        kill(getpid(), SIGPROF);
        eventually([&] { return b.i.books().foreign == 2; });
        return std::to_string(before_calls.load()) + number(b.i.books().foreign_ignored) +
               std::to_string(b.t.runs.load());
    });
    CHECK(seen.exited);
    CHECK(seen.text == (before == plain ? "200" : "020"));
}

TEST_CASE("SA_RESETHAND of before holds: once, then ignored", "[origin]")
{
    const auto seen = in_child(60, [] {
        install(with_info, static_cast<int>(SA_RESETHAND));
        bench b(SIGPROF);
        send_foreign(gettid(), SIGPROF);
        send_foreign(gettid(), SIGPROF);
        return std::to_string(before_calls.load()) + number(b.i.books().foreign_ignored);
    });
    CHECK(seen.text == "11");
}

TEST_CASE("SA_NODEFER of before holds: the signal may come again while its handler runs", "[origin]")
{
    const int flags = GENERATE(0, static_cast<int>(SA_NODEFER));
    const auto seen = in_child(60, [&] {
        install(nesting, flags);
        bench b(SIGPROF);
        send_foreign(gettid(), SIGPROF);
        return std::to_string(before_calls.load()) + std::to_string(before_deepest.load());
    });
    CHECK(seen.text == (flags == 0 ? "21" : "22"));
}

TEST_CASE("our mark is ours only from this process, and only with the code that goes with it", "[origin]")
{
    siginfo_t info{};
    info.si_code = SI_QUEUE;
    info.si_pid = 7;
    info.si_value.sival_ptr = runtime::mark_of(runtime::origin::counted);
    CHECK(runtime::origin_of(info, 7) == runtime::origin::counted);
    CHECK(runtime::origin_of(info, 8) == runtime::origin::foreign);
    info.si_code = SI_MESGQ;
    CHECK(runtime::origin_of(info, 7) == runtime::origin::foreign);
    info.si_code = SI_TIMER;
    CHECK(runtime::origin_of(info, 7) == runtime::origin::foreign);
    info.si_value.sival_ptr = runtime::mark_of(runtime::origin::timer);
    CHECK(runtime::origin_of(info, 7) == runtime::origin::timer);
    info.si_code = SI_QUEUE;
    CHECK(runtime::origin_of(info, 7) == runtime::origin::foreign);
    siginfo_t lost{};
    lost.si_code = SI_USER;
    CHECK(runtime::origin_of(lost, 7) == runtime::origin::lost);
    lost.si_pid = 7;
    CHECK(runtime::origin_of(lost, 7) == runtime::origin::foreign);
}

TEST_CASE("a raise that the kernel merges with a foreign signal is handled once: absorbed, and the foreign "
          "one goes on",
          "[origin]")
{
    const auto seen = in_child(60, [] {
        install(with_info, 0);
        bench b(SIGPROF);
        change_mask(SIG_BLOCK, SIGPROF);
        int x = 0;
        send_foreign(gettid(), SIGPROF, &x);
        const bool raised = b.i.raise(gettid()) == raise_result::raised;
        change_mask(SIG_UNBLOCK, SIGPROF);
        const interrupt_books k = b.i.books();
        return std::string(raised ? "raised " : "") + std::to_string(b.t.runs.load()) + number(k.handled) +
               number(k.absorbed) + number(k.echoes) + std::to_string(before_calls.load()) +
               to_string(b.i.drain(patient));
    });
    CHECK(seen.text == "raised 11101drained");
}

TEST_CASE("a raise that was absorbed before its own signal came is not handled again", "[origin]")
{
    const auto seen = in_child(60, [] {
        bench b(SIGPROF);
        b.i.raise(gettid());
        // As if the signal of that raise came behind one that was taken for it.
        send_foreign(gettid(), SIGPROF, runtime::mark_of(runtime::origin::counted));
        const interrupt_books k = b.i.books();
        return std::to_string(b.t.runs.load()) + number(k.handled) + number(k.echoes);
    });
    CHECK(seen.text == "111");
}

TEST_CASE("at RLIMIT_SIGPENDING a standard signal loses its payload and no event", "[origin]")
{
    const auto seen = in_child(60, [] {
        install(with_info, 0);
        bench b(SIGPROF);
        const rlimit none{0, 0};
        setrlimit(RLIMIT_SIGPENDING, &none);
        int raised = 0;
        for (int n = 0; n < 100; ++n)
            raised += b.i.raise(gettid()) == raise_result::raised ? 1 : 0;
        const interrupt_books k = b.i.books();
        return std::to_string(raised) + " " + number(k.handled) + " " + number(k.absorbed) + " " +
               number(k.foreign) + " " + std::to_string(before_calls.load());
    });
    CHECK(seen.text == "100 100 100 0 0");
}

TEST_CASE("at RLIMIT_SIGPENDING a real-time signal is rejected, which is an answer and in the books",
          "[origin]")
{
    const auto seen = in_child(60, [] {
        bench b(rt(1));
        const rlimit none{0, 0};
        setrlimit(RLIMIT_SIGPENDING, &none);
        const bool rejected = b.i.raise(gettid()) == raise_result::rejected;
        const interrupt_books k = b.i.books();
        return std::string(rejected ? "rejected " : "") + number(k.rejected) + number(k.raised) + " " +
               to_string(b.i.drain(patient));
    });
    CHECK(seen.text == "rejected 10 drained");
}

TEST_CASE("a drain does not wait for a raise that was counted, and that the kernel then refused", "[origin]")
{
    const auto seen = in_child(60, [] {
        bench b(rt(1));
        runtime::thread_block& own = *runtime::own_block(*runtime::state_of(rt(1)));
        ++own.sent; // as a raise is counted before it is sent
        const pid_t tid = gettid();
        std::thread kernel([&] {
            // the drain has looked, and sleeps until it looks again
            eventually([&] {
                std::ifstream stat("/proc/self/task/" + std::to_string(tid) + "/stat");
                std::string word;
                stat >> word >> word >> word;
                return word == "S";
            });
            --own.sent;
        });
        const outcome result = b.i.drain(patient);
        kernel.join();
        return std::string(to_string(result));
    });
    CHECK(seen.text == "drained");
}

TEST_CASE("foreign signals do not end a drain", "[origin]")
{
    const auto seen = in_child(60, [] {
        bench b(rt(1));
        worker other([&] { attach_for_good(b.i); });
        change_mask(SIG_BLOCK, rt(1));
        raise_queued(b.i, gettid());
        std::string text;
        for (int n = 0; n < 4; ++n)
            eventually([&] { return send_foreign(other.tid(), rt(1)) == 0; });
        text += eventually([&] { return b.i.books().foreign == 4; }) ? "foreign " : "";
        text += to_string(b.i.drain(deadline(5'000'000)));
        change_mask(SIG_UNBLOCK, rt(1));
        return text + " " + to_string(b.i.drain(patient));
    });
    CHECK(seen.text == "foreign timed out drained");
}
