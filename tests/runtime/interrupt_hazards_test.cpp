// SPDX-License-Identifier: MIT
//
// What programs do to a library of handlers: each must end well.
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <array>
#include <csetjmp>
#include <cstdlib>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;

namespace {

struct leaving {
    int code;
    void operator()(const event&) noexcept { std::exit(code); }
};

thread_local sigjmp_buf way_out;

struct jumping {
    void operator()(const event&) noexcept { siglongjmp(way_out, 1); }
};

/// With a frame that a small stack has no room for.
struct roomy {
    std::atomic<int>* runs;
    void operator()(const event&) noexcept
    {
        std::array<volatile char, 1024> frame;
        for (volatile char& c : frame)
            c = 1;
        *runs += frame[512];
    }
};

interrupt* fiber_interrupt;
ucontext_t fiber;
ucontext_t main_context;

void on_small_stack()
{
    fiber_interrupt->raise(gettid());
    swapcontext(&fiber, &main_context);
}

struct own_stack {
    explicit own_stack(std::size_t bytes) : size(bytes)
    {
        at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    ~own_stack() { munmap(at, size); }
    std::size_t size;
    void* at;
};

} // namespace

TEST_CASE("a thread that ends attached, whose stack is unmapped at once", "[hazards]")
{
    const auto seen = in_child(100, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        std::atomic<bool> stop{false};
        std::atomic<pid_t> target{0};
        std::thread raiser([&] {
            while (!stop)
                if (const pid_t tid = target; tid != 0)
                    i.raise(tid);
        });
        struct args {
            interrupt* i;
            std::atomic<pid_t>* target;
        } a{&i, &target};
        for (int n = 0; n < 50; ++n) {
            const own_stack stack(256 * 1024);
            pthread_attr_t attributes;
            pthread_attr_init(&attributes);
            pthread_attr_setstack(&attributes, stack.at, stack.size);
            pthread_t thread;
            const auto body = [](void* p) -> void* {
                const args* const to = static_cast<args*>(p);
                attach_for_good(*to->i);
                *to->target = gettid();
                return nullptr;
            };
            pthread_create(&thread, &attributes, body, &a);
            pthread_join(thread, nullptr);
        }
        stop = true;
        raiser.join();
        const std::string text = to_string(s.exchange({}, patient).result);
        const interrupt_books b = i.books();
        return text + (b.raised == b.handled + b.dropped ? " balanced" : " lost") +
               std::to_string(b.attached);
    });
    CHECK(seen.exited);
    CHECK(seen.text == "drained balanced0");
}

TEST_CASE("a thread that blocks all signals hangs nobody", "[hazards]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        worker w([&] {
            attach_for_good(i);
            sigset_t all;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, nullptr);
        });
        i.raise(w.tid());
        std::string text = to_string(s.exchange(make<counting>(t), patient).result);
        text += std::to_string(i.books().blocked);
        text += to_string(i.drain(deadline(1'000'000)));
        text += to_string(i.close(patient));
        w.join();
        return text + to_string(i.drain(patient)) + std::to_string(t.runs.load());
    });
    CHECK(seen.text == "drained1timed outdraineddrained0");
}

TEST_CASE("a stack of 2 KiB with an alternate one beside it", "[hazards]")
{
    const auto seen = in_child(60, [] {
        std::atomic<int> runs{0};
        interrupt i({.signal = SIGPROF});
        filled<roomy> s(i, roomy{&runs});
        const attachment here = i.attach_this_thread();
        const own_stack alternate(256 * 1024);
        const stack_t ss{alternate.at, 0, alternate.size};
        sigaltstack(&ss, nullptr);
        // Below the 2 KiB nothing is mapped.
        const own_stack both(8192);
        mprotect(both.at, 4096, PROT_NONE);
        getcontext(&fiber);
        fiber.uc_stack.ss_sp = static_cast<char*>(both.at) + 4096;
        fiber.uc_stack.ss_size = 2048;
        fiber.uc_link = nullptr;
        fiber_interrupt = &i;
        makecontext(&fiber, on_small_stack, 0);
        swapcontext(&main_context, &fiber);
        return std::to_string(runs.load());
    });
    CHECK(seen.exited);
    CHECK(seen.text == "1");
}

TEST_CASE("exit() in a handler, while the interrupt is static", "[hazards]")
{
    const bool attached = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        static interrupt i({.signal = SIGPROF});
        static filled<leaving> s(i, leaving{7});
        worker w([&] {
            if (attached)
                attach_for_good(i);
        });
        i.raise(w.tid());
        pause();
        return std::string("still here");
    });
    CHECK(seen.exited);
    CHECK(seen.code == 7);
}

TEST_CASE("an event that meets a slot whose object was taken away runs nothing", "[hazards]")
{
    const auto seen = in_child(60, [] {
        static const pid_t other = gettid();
        static interrupt i({.signal = SIGPROF});
        // At exit after the slot's end, which cannot take the slot off the table: it is in a handler.
        std::atexit([] {
            i.raise(other);
            _exit(eventually([] { return i.books().unattached_handled == 1; }) ? 7 : 8);
        });
        static filled<leaving> s(i, leaving{9});
        worker w([] {
            attach_for_good(i);
            i.raise(gettid());
        });
        return std::string("still here");
    });
    CHECK(seen.exited);
    CHECK(seen.code == 7);
}

TEST_CASE("close under fire: afterwards nothing runs, and what arrives is no default action", "[hazards]")
{
    const auto seen = in_child(100, [] {
        std::string text;
        for (int n = 0; n < 20; ++n) {
            tally t;
            interrupt i({.signal = SIGPROF});
            filled<counting> s(i, t);
            const auto attach = [&] { attach_for_good(i); };
            worker a(attach);
            worker b;
            std::atomic<bool> stop{false};
            std::thread raiser([&] {
                while (!stop) {
                    i.raise(a.tid());
                    i.raise(b.tid());
                }
            });
            eventually([&] { return t.runs > 10; });
            if (i.close(patient) != outcome::drained)
                text += "not drained";
            const int runs = t.runs;
            if (t.destroyed != 1)
                text += "kept";
            stop = true;
            raiser.join();
            if (i.drain(patient) != outcome::drained || t.runs != runs)
                text += "runs after close";
        }
        return text;
    });
    CHECK(seen.exited);
    CHECK(seen.text.empty());
}

TEST_CASE("siglongjmp() out of a handler ends in a deadline, not in a hang", "[hazards]")
{
    const bool attached = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = SIGPROF});
        filled<jumping> s(i);
        worker w([&] {
            if (attached)
                attach_for_good(i);
            if (sigsetjmp(way_out, 1) == 0)
                i.raise(gettid());
        });
        w.join();
        std::string text = to_string(s.exchange({}, deadline(5'000'000)).result);
        text += std::string(" ") + to_string(i.close(deadline(5'000'000)));
        return text;
    });
    CHECK(seen.text == "timed out timed out");
}

TEST_CASE("a handler that stays in one interrupt delays no exchange of another, and either may close first",
          "[hazards]")
{
    const bool slow_first = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        tally t;
        gate g;
        interrupt slow({.signal = SIGPROF});
        interrupt quick({.signal = rt(0)});
        slot<held> s(slow);
        slot<counting> u(quick);
        (void)s.exchange(make<held>(g, t), patient);
        (void)u.exchange(make<counting>(t), patient);
        worker w([&] {
            attach_for_good(slow);
            attach_for_good(quick);
        });
        slow.raise(w.tid());
        eventually([&] { return g.inside == 1; });
        std::string text;
        if (slow_first)
            text += to_string(slow.close(deadline(1'000'000)));
        text += to_string(u.exchange(make<counting>(t), patient).result);
        text += to_string(quick.close(patient));
        text += g.inside == 1 ? " still inside " : " it was over ";
        g.open = true;
        return text + to_string(slow.close(patient));
    });
    CHECK(seen.text == (slow_first ? "timed outdraineddrained still inside drained"
                                   : "draineddrained still inside drained"));
}
