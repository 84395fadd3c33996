// SPDX-License-Identifier: MIT
//
// What exchange() promises, and each of its answers.
#include "nmisim/timed.hpp"
#include "runtime/control.hpp"
#include "runtime/origin.hpp"
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <cerrno>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;
using namespace std::chrono_literals;

namespace {

std::string name(outcome value)
{
    return to_string(value);
}

/// Stores the answer of a call that a handler makes.
struct asking {
    std::function<outcome()> ask;
    std::atomic<int>* answer;
    void operator()(const event&) noexcept { *answer = static_cast<int>(ask()); }
};

} // namespace

TEST_CASE("a deadline converts from any duration, and saturates", "[swap]")
{
    CHECK(deadline(100ms).ns() == 100'000'000);
    CHECK(deadline(2s).ns() == 2'000'000'000);
    CHECK(deadline(std::chrono::duration<double>(0.5)).ns() == 500'000'000);
    CHECK(deadline(std::chrono::hours(10'000'000)).is_none());
    CHECK(deadline(-5s).ns() == 0);
    CHECK(deadline(-5).ns() == 0);
}

TEST_CASE("a raise runs the handler once, on the thread that it names", "[swap]")
{
    const int signo = GENERATE(SIGPROF, SIGRTMIN + 3);
    const bool attached = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        tally t;
        interrupt i({.signal = signo});
        filled<counting> s(i, t);
        int mine = 0;
        worker w([&] {
            if (attached)
                attach_for_good(i, {.user = &mine});
        });
        if (raise_queued(i, w.tid()) != raise_result::raised)
            return std::string("not raised");
        eventually([&] { // the books are kept behind the handler
            const interrupt_books b = i.books();
            return t.runs == 1 && b.handled + b.unattached_handled == 1;
        });
        if (t.runs != 1 || t.last_tid != w.tid() || t.last_user != (attached ? &mine : nullptr))
            return std::string("another thread or not once");
        const interrupt_books b = i.books();
        return std::to_string(b.raised) + std::to_string(b.handled) + std::to_string(b.unattached_raised) +
               std::to_string(b.unattached_handled) + std::to_string(b.foreign);
    });
    CHECK(seen.text == (attached ? "11000" : "00110"));
}

TEST_CASE("a handler leaves the interrupted code's errno alone", "[swap]")
{
    struct spoiling {
        void operator()(const event&) noexcept { errno = EDOM; }
    };
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        filled<spoiling> s(i);
        errno = ENOENT;
        send_foreign(gettid(), SIGPROF, runtime::mark_of(runtime::origin::unattached));
        const int now = errno;
        return std::to_string(now == ENOENT) + std::to_string(i.books().unattached_handled);
    });
    CHECK(seen.text == "11");
}

TEST_CASE("every slot's object runs, in the order of the slots, and a slot that is gone does not; first is "
          "before all",
          "[swap]")
{
    struct noting {
        std::string* text;
        char what;
        void operator()(const event&) noexcept { *text += what; }
    };
    const auto seen = in_child(60, [&] {
        std::string text;
        text.reserve(64);
        interrupt i({.signal = SIGPROF});
        const attachment here = i.attach_this_thread();
        slot<noting> a(i);
        auto* b = new slot<noting>(i);
        slot<noting> c(i);
        (void)a.exchange(make<noting>(noting{&text, 'a'}), patient);
        (void)b->exchange(make<noting>(noting{&text, 'b'}), patient);
        (void)c.exchange(make<noting>(noting{&text, 'c'}), patient);
        i.raise(gettid());
        delete b;
        i.raise(gettid());
        slot<noting> d(i, slot_order::first);
        (void)d.exchange(make<noting>(noting{&text, 'd'}), patient);
        i.raise(gettid());
        return text;
    });
    CHECK(seen.text == "abcacdac");
}

TEST_CASE("a stopwatch keeps the longest run of its handler, in CPU time", "[swap]")
{
    struct working {
        std::uint64_t ns;
        void operator()(const event& e) noexcept
        {
            // The second event is the long one, the third is not.
            timespec t;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
            for (const std::uint64_t end = to_ns(t) + (++events == 2 ? ns : 0); to_ns(t) < end;)
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
            last_tid = e.tid();
        }
        int events = 0;
        pid_t last_tid = 0;
    };
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        const attachment here = i.attach_this_thread();
        slot<timed<working>> s(i);
        (void)s.exchange(make<timed<working>>(working{3'000'000}), patient);
        for (int n = 0; n < 3; ++n)
            i.raise(gettid());
        const auto [result, old] = s.exchange({}, patient);
        return std::string(old->longest_ns() >= 3'000'000 ? "kept" : "not kept") +
               (old->handler.last_tid == gettid() && old->handler.events == 3 ? "" : " not run");
    });
    CHECK(seen.text == "kept");
}

TEST_CASE("exchange hands the old object out only when no handler uses it", "[swap]")
{
    const auto seen = in_child(60, [&] {
        tally t;
        tally fresh;
        gate g;
        gate open;
        open.open = true;
        interrupt i({.signal = SIGPROF});
        filled<held> s(i, g, t);
        worker w;
        i.raise(w.tid());
        if (!eventually([&] { return g.inside == 1; }))
            return std::string("no handler");
        std::atomic<bool> back{false};
        bool anybody_inside = true;
        std::thread updater([&] {
            auto [answer, old] = s.exchange(make<held>(open, fresh), patient);
            anybody_inside = g.inside != 0;
            back = true;
        });
        // Until the new one has run somewhere, on threads of which each may still meet the old one.
        std::deque<worker> others;
        while (fresh.runs == 0) {
            const int before = g.inside;
            i.raise(others.emplace_back().tid());
            eventually([&] { return fresh.runs != 0 || g.inside > before; });
        }
        const bool too_early = back;
        g.open = true;
        updater.join();
        return std::string(too_early ? "early" : "waited") + (anybody_inside ? " inside" : "");
    });
    CHECK(seen.text == "waited");
}

TEST_CASE("an exchange that runs out of time has published, and the old object is retired once, later",
          "[swap]")
{
    const auto seen = in_child(60, [&] {
        std::string text;
        tally first;
        tally second;
        gate g;
        interrupt i({.signal = SIGPROF});
        filled<held> s(i, g, first);
        worker w;
        i.raise(w.tid());
        eventually([&] { return g.inside == 1; });
        gate open;
        open.open = true;
        auto [result, old] = s.exchange(make<held>(open, second), 20ms);
        text += name(result) + (old ? " old" : " nothing");
        text += std::to_string(first.destroyed.load());
        i.raise(gettid()); // here the new one runs
        text += std::to_string(second.runs.load());
        g.open = true;
        eventually([&] { return g.inside == 0 && i.books().unattached_handled == 2; });
        auto [again, nothing] = s.exchange({}, patient);
        text += " " + name(again) + std::to_string(first.destroyed.load());
        text += std::to_string(i.books().timed_out) + std::to_string(i.books().reclaimed);
        return text;
    });
    CHECK(seen.text == "timed out nothing01 drained111");
}

TEST_CASE("what a close could not wait for is retired by the next one, and not twice", "[swap]")
{
    const auto seen = in_child(60, [&] {
        tally t;
        gate g;
        interrupt i({.signal = SIGPROF});
        filled<held> s(i, g, t);
        worker w;
        i.raise(w.tid());
        eventually([&] { return g.inside == 1; });
        std::string text = name(i.close(deadline(0)));
        text += std::to_string(t.destroyed.load());
        g.open = true;
        for (int n = 0; n < 2; ++n) {
            text += " " + name(i.close(patient));
            text += std::to_string(t.destroyed.load());
        }
        return text;
    });
    CHECK(seen.text == "timed out0 drained1 drained1");
}

TEST_CASE("in a handler, exchange, drain and close are refused, of that interrupt and of others", "[swap]")
{
    const auto seen = in_child(60, [&] {
        std::string text;
        tally t;
        interrupt i({.signal = SIGPROF});
        interrupt other({.signal = SIGUSR1});
        slot<asking> s(i);
        slot<counting> of_other(other);
        const attachment here = i.attach_this_thread();
        for (const auto& ask : std::vector<std::function<outcome()>>{
                 [&] { return of_other.exchange(make<counting>(t), 1ms).result; },
                 [&] { return i.drain(1ms); }, [&] { return other.drain(1ms); },
                 [&] { return other.close(1ms); }}) {
            std::atomic<int> answer{-1};
            (void)s.exchange(make<asking>(asking{ask, &answer}), patient);
            i.raise(gettid());
            text += answer == static_cast<int>(outcome::refused_in_interrupt) ? "r" : "-";
        }
        return text + std::to_string(t.destroyed.load());
    });
    CHECK(seen.text == "rrrr1"); // the refused object comes back, and dies with its owner
}

TEST_CASE("a thread that never attached needs a deadline", "[swap]")
{
    const auto seen = in_child(60, [&] {
        tally t;
        interrupt i({.signal = SIGPROF});
        slot<counting> s(i);
        std::string text = name(s.exchange(make<counting>(t), deadline::none()).result);
        const attachment here = i.attach_this_thread();
        return text + "; " + name(s.exchange(make<counting>(t), deadline::none()).result);
    });
    CHECK(seen.text == "refused: this thread never attached, so it needs a deadline; drained");
}

TEST_CASE("in a handler on a thread that never attached, the deadline ends the wait", "[swap]")
{
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = SIGPROF});
        slot<asking> s(i);
        std::atomic<int> answer{-1};
        (void)s.exchange(make<asking>(asking{[&] { return s.exchange({}, 5ms).result; }, &answer}), patient);
        i.raise(gettid());
        return name(static_cast<outcome>(answer.load()));
    });
    CHECK(seen.text == "timed out");
}

TEST_CASE("after close nothing runs, and everything answers", "[swap]")
{
    const auto seen = in_child(60, [&] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        const attachment here = i.attach_this_thread();
        std::string text = name(i.close(patient));
        text += std::to_string(t.destroyed.load());
        text += i.raise(gettid()) == raise_result::closed ? "c" : "-";
        text += i.raise_all() == 0 ? "c" : "-";
        text += std::to_string(i.attach_this_thread().error() == ECANCELED);
        auto [result, back] = s.exchange(make<counting>(t), patient);
        text += name(result) + (back ? " back" : "");
        int error = 0;
        const slot<counting> late(i, error);
        return text + std::to_string(error == ECANCELED) + std::to_string(t.runs.load());
    });
    CHECK(seen.text == "drained1cc1closed back10");
}

TEST_CASE("a signal is one interrupt's at a time, and can be opened again", "[swap]")
{
    const auto seen = in_child(60, [&] {
        tally t;
        std::string text;
        int error = 0;
        {
            interrupt i({.signal = SIGPROF});
            const interrupt second({.signal = SIGPROF}, error);
            text += std::to_string(error == EBUSY);
        }
        interrupt i({.signal = SIGPROF}, error);
        text += std::to_string(error);
        filled<counting> s(i, t);
        i.raise(gettid());
        text += std::to_string(t.runs.load());
        for (const int signo : {0, -1, 65, SIGKILL, SIGSEGV}) {
            const interrupt bad({.signal = signo}, error);
            text += std::to_string(error == EINVAL);
        }
        try {
            const interrupt bad({.signal = SIGSTOP});
        } catch (const std::system_error& e) {
            text += std::to_string(e.code().value() == EINVAL);
        }
        return text;
    });
    CHECK(seen.text == "101111111");
}
