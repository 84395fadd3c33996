// SPDX-License-Identifier: MIT
//
// Threads that attach, leave and end.
#include "base/own/own_tid.hpp"
#include "base/signal_mask.hpp"
#include "runtime/interrupt_state.hpp"
#include "runtime_parts.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;

namespace {

std::atomic<int> process_got{0};

} // namespace

TEST_CASE("attaching is idempotent, and the last token detaches", "[attach]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        std::optional<attachment> one(i.attach_this_thread());
        std::optional<attachment> two(i.attach_this_thread());
        std::string text = number(i.books().attached);
        one.reset();
        text += number(i.books().attached);
        two.reset();
        return text + number(i.books().attached);
    });
    CHECK(seen.text == "110");
}

/// A thread that was joined may take a moment to be gone.
static bool is_gone(pid_t tid)
{
    return eventually([&] { return tgkill(getpid(), tid, 0) != 0; });
}

TEST_CASE("a thread that ends attached is gone from the books, and a raise on it is an answer", "[attach]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        worker w([&] { attach_for_good(i); });
        std::string text = number(i.books().attached);
        w.join();
        text += number(i.books().attached);
        text += is_gone(w.tid()) ? "" : " still there";
        text += i.raise(w.tid()) == raise_result::no_thread ? " no thread " : " - ";
        text +=
            i.raise(-1) == raise_result::no_thread && i.raise(0) == raise_result::no_thread ? "no " : "- ";
        text += i.raise(1) == raise_result::no_thread ? "other's " : "- ";
        return text + number(i.books().no_thread);
    });
    CHECK(seen.text == "10 no thread no other's 4");
}

TEST_CASE("a token that outlives its thread, and the block's next owner, detaches nobody", "[attach]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        std::optional<attachment> kept;
        std::thread([&] { kept.emplace(i.attach_this_thread()); }).join();
        const attachment mine = i.attach_this_thread();
        kept.reset();
        return number(i.books().attached);
    });
    CHECK(seen.text == "1");
}

TEST_CASE("blocks are used again", "[attach]")
{
    const auto seen = in_child(120, [] {
        interrupt i({.signal = SIGPROF});
        pid_t first = 0;
        for (int n = 0; n < 300; ++n) {
            pid_t tid = 0;
            std::thread([&] {
                attach_for_good(i);
                tid = gettid();
            }).join();
            if (first == 0)
                first = tid;
            if (!is_gone(tid) || i.raise(tid) != raise_result::no_thread ||
                i.raise(first) != raise_result::no_thread)
                return std::string("raised on a dead thread");
        }
        return number(runtime::state_of(SIGPROF)->blocks());
    });
    CHECK(seen.text == "1");
}

TEST_CASE("two raises on a thread that blocks the signal are one, and are told", "[attach]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        const attachment here = i.attach_this_thread();
        change_mask(SIG_BLOCK, SIGPROF);
        std::string text = i.raise(gettid()) == raise_result::raised ? "raised" : "-";
        text += i.raise(gettid()) == raise_result::coalesced ? " coalesced " : " - ";
        text += number(i.books().blocked);
        text += to_string(i.drain(deadline(1'000'000)));
        text += to_string(s.exchange(make<counting>(t), deadline::none()).result);
        change_mask(SIG_UNBLOCK, SIGPROF);
        return text + number(i.books().blocked) + std::to_string(t.runs.load()) + number(i.books().coalesced);
    });
    CHECK(seen.text == "raised coalesced 1timed outdrained011");
}

TEST_CASE("what is pending when a thread ends is dropped and booked, and no drain waits for it", "[attach]")
{
    const int signo = GENERATE(SIGPROF, SIGRTMIN + 2);
    const auto seen = in_child(60, [&] {
        tally t;
        interrupt i({.signal = signo});
        filled<counting> s(i, t);
        worker w([&] {
            attach_for_good(i);
            change_mask(SIG_BLOCK, signo);
        });
        raise_queued(i, w.tid());
        w.join();
        std::string text = to_string(i.drain(patient));
        const interrupt_books b = i.books();
        return text + number(b.raised) + number(b.handled) + number(b.dropped) +
               std::to_string(t.runs.load());
    });
    CHECK(seen.text == "drained1010");
}

TEST_CASE(
    "what is pending when a thread detaches that blocks the signal is dropped, and comes to no later life",
    "[attach]")
{
    const int signo = GENERATE(SIGPROF, SIGRTMIN + 2);
    const auto seen = in_child(60, [&] {
        tally t;
        interrupt i({.signal = signo});
        filled<counting> s(i, t);
        std::optional<attachment> here(i.attach_this_thread());
        change_mask(SIG_BLOCK, signo);
        raise_queued(i, gettid());
        here.reset();
        here.emplace(i.attach_this_thread());
        change_mask(SIG_UNBLOCK, signo);
        const interrupt_books b = i.books();
        return number(b.raised) + number(b.handled) + number(b.dropped) + number(b.echoes) +
               std::to_string(t.runs.load());
    });
    CHECK(seen.text == "10100");
}

TEST_CASE(
    "what a handler of others took in our place is dropped when the thread leaves, and no drain waits for it",
    "[attach]")
{
    const int signo = GENERATE(SIGPROF, SIGRTMIN + 2);
    const bool ends = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = signo});
        std::thread([&] {
            std::optional<attachment> here(i.attach_this_thread());
            signal(signo, [](int) { ++process_got; });
            raise_queued(i, gettid());
            if (ends)
                (void)new attachment(std::move(*here));
        }).join();
        std::string text = to_string(i.drain(patient));
        const interrupt_books b = i.books();
        return text + number(b.raised) + number(b.handled) + number(b.dropped) + number(b.attached) +
               std::to_string(process_got.load());
    });
    CHECK(seen.text == "drained10101");
}

TEST_CASE("a handler of others that interrupts a detach can neither attach its thread nor detach it twice",
          "[attach]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        runtime::interrupt_state& state = *runtime::state_of(SIGPROF);
        std::optional<attachment> here(i.attach_this_thread());
        runtime::thread_block& block = *runtime::own_block(state);
        // As the handler finds it.
        state.threads.remove(block, gettid());
        block.tid = 0;
        std::string text = i.attach_this_thread().error() == EBUSY ? "busy " : "attached ";
        text += i.attach_process().error == EBUSY ? "busy " : "attached ";
        here.reset();
        text += runtime::own_block(state) == &block ? "still leaving " : "has left ";
        state.threads.insert(block, gettid());
        here.emplace(i.attach_this_thread());
        text += number(i.books().attached);
        here.reset();
        return text + number(i.books().attached);
    });
    CHECK(seen.text == "busy busy still leaving 10");
}

TEST_CASE("threads that attach and detach at the same time have blocks of their own", "[attach]")
{
    constexpr int threads = 4;
    const auto seen = in_child(60, [] {
        struct owner_check {
            std::atomic<int>* wrong;
            void operator()(const event& e) noexcept
            {
                *wrong += *static_cast<pid_t*>(e.user) == gettid() ? 0 : 1;
            }
        };
        std::atomic<int> wrong{0};
        interrupt i({.signal = SIGPROF});
        filled<owner_check> s(i, owner_check{&wrong});
        std::vector<std::thread> all;
        for (int n = 0; n < threads; ++n)
            all.emplace_back([&] {
                pid_t mine = gettid();
                for (int lives = 0; lives < 3000; ++lives) {
                    const attachment here = i.attach_this_thread({.user = &mine});
                    i.raise(mine);
                }
            });
        for (std::thread& t : all)
            t.join();
        const interrupt_books b = i.books();
        return std::string(runtime::state_of(SIGPROF)->blocks() <= threads ? "" : "blocks were lost ") +
               std::to_string(wrong.load()) + number(b.attached) + number(b.raised - b.handled) +
               number(b.raised);
    });
    CHECK(seen.text == "00012000");
}

TEST_CASE("a thread knows its number without a system call, also in a child of fork()", "[attach]")
{
    CHECK(own_tid() == gettid());
    pid_t told = 0;
    pid_t is = 1;
    std::thread([&] {
        told = own_tid();
        is = gettid();
    }).join();
    CHECK(told == is);
    CHECK(in_child(60, [] { return std::string(own_tid() == gettid() ? "same" : "another"); }).text ==
          "same");
}

TEST_CASE("a foreign signal that is pending when a thread ends goes on to the process", "[attach]")
{
    const auto seen = in_child(60, [] {
        signal(SIGPROF, [](int) { ++process_got; });
        interrupt i({.signal = SIGPROF});
        worker w([&] {
            attach_for_good(i);
            change_mask(SIG_BLOCK, SIGPROF);
        });
        send_foreign(w.tid(), SIGPROF);
        w.join();
        eventually([] { return process_got == 1; });
        return std::to_string(process_got.load());
    });
    CHECK(seen.text == "1");
}

TEST_CASE("once a thread's end has begun, the signal is blocked there", "[attach]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        // Destructors run in the order of their keys in glibc: this one after the interrupt's.
        static pthread_key_t later;
        static std::atomic<int> blocked{-1};
        pthread_key_create(&later, [](void*) {
            sigset_t now;
            pthread_sigmask(SIG_BLOCK, nullptr, &now);
            blocked = sigismember(&now, SIGPROF);
        });
        std::thread([&] {
            attach_for_good(i);
            pthread_setspecific(later, &i);
        }).join();
        return std::to_string(blocked.load());
    });
    CHECK(seen.text == "1");
}

TEST_CASE("raise_all reaches each attached thread once, and no other", "[attach]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        const auto attach = [&] { attach_for_good(i); };
        worker a(attach);
        worker b(attach);
        worker c;
        std::string text = number(i.raise_all());
        text += to_string(i.drain(patient));
        return text + std::to_string(t.runs.load());
    });
    CHECK(seen.text == "2drained2");
}

TEST_CASE("one thread attaches to two interrupts, and each runs its own", "[attach]")
{
    const auto seen = in_child(60, [] {
        tally one;
        tally two;
        interrupt i({.signal = SIGPROF});
        interrupt j({.signal = rt(0)});
        slot<counting> s(i);
        slot<counting> u(j);
        (void)s.exchange(make<counting>(one), patient);
        (void)u.exchange(make<counting>(two), patient);
        const attachment a = i.attach_this_thread();
        const attachment b = j.attach_this_thread();
        i.raise(gettid());
        raise_queued(j, gettid());
        raise_queued(j, gettid());
        std::string text = to_string(i.close(patient));
        raise_queued(j, gettid());
        text += to_string(j.drain(patient));
        return text + std::to_string(one.runs.load()) + std::to_string(two.runs.load());
    });
    CHECK(seen.text == "draineddrained13");
}

TEST_CASE("a handler that others install later is told, and not taken away from them", "[attach]")
{
    const auto seen = in_child(60, [] {
        int error = 0;
        std::string text;
        {
            interrupt i({.signal = SIGPROF});
            text += std::to_string(i.books().replaced);
            signal(SIGPROF, [](int) { ++process_got; });
            text += std::to_string(i.books().replaced);
        }
        const interrupt again({.signal = SIGPROF}, error);
        ::raise(SIGPROF);
        return text + std::to_string(error == EBUSY) + std::to_string(process_got.load());
    });
    CHECK(seen.text == "0111");
}
