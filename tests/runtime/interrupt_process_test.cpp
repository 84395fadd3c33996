// SPDX-License-Identifier: MIT
//
// attach_process(): threads that are there, that end, and that come and go meanwhile; no code of theirs helps.
#include "base/signal_mask.hpp"
#include "runtime/threads/attach.hpp"
#include "runtime/threads/outsider.hpp"
#include "runtime/threads/task_status.hpp"
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <deque>
#include <dirent.h>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <sys/resource.h>

using namespace nmisim;
using namespace nmisim::test;

namespace {

/// Which threads were seen, with a weight each.
class census {
public:
    void add(pid_t tid, std::uint64_t weight) noexcept
    {
        for (auto& [owner, sum] : cells_) {
            pid_t now = 0;
            if (owner == tid || owner.compare_exchange_strong(now, tid) || now == tid) {
                sum += weight;
                return;
            }
        }
    }
    bool has(pid_t tid) const noexcept
    {
        return std::any_of(cells_.begin(), cells_.end(), [&](const cell& c) { return c.tid == tid; });
    }
    std::uint64_t weight() const noexcept
    {
        std::uint64_t sum = 0;
        for (const cell& c : cells_)
            sum += c.weight;
        return sum;
    }

private:
    struct cell {
        std::atomic<pid_t> tid{0};
        std::atomic<std::uint64_t> weight{0};
    };
    std::array<cell, 64> cells_{};
};

struct noting {
    census* seen;
    void operator()(const event& e) noexcept { seen->add(e.tid(), e.weight); }
};

/// The kernel's timers of this process; -1 where it does not tell.
int timers()
{
    std::ifstream list("/proc/self/timers");
    if (!list)
        return -1;
    int n = 0;
    for (std::string line; std::getline(list, line);)
        n += line.rfind("ID:", 0) == 0 ? 1 : 0;
    return n;
}

/// Places taken in the user's queue of signals.
rlim_t queued()
{
    std::ifstream status("/proc/self/status");
    for (std::string row; std::getline(status, row);)
        if (row.rfind("SigQ:", 0) == 0)
            return std::stoul(row.substr(5));
    return 0;
}

/// The kernel's queue, of which a timer takes a place, is one for all processes of the user.
process_threads attach_all(interrupt& i, const attach_options& options)
{
    process_threads sum;
    process_threads found;
    eventually([&] {
        found = i.attach_process(options);
        sum.attached += found.attached;
        return found.error != EAGAIN;
    });
    found.attached = sum.attached;
    return found;
}

/// A thread that was joined may take a moment to be gone, and the one that has attached it hears of it later.
bool attached_are(interrupt& i, std::uint64_t n)
{
    return eventually([&] { return i.books().attached == n; });
}

/// Uses up the keys that glibc keeps in each thread, so that the interrupt's needs memory of its own.
void use_up_keys()
{
    for (int n = 0; n < 40; ++n) {
        pthread_key_t key;
        pthread_key_create(&key, nullptr);
    }
}

/// What happens once, when the list of threads has been read, and before it is read again.
std::function<void()> between_readings;

} // namespace

/// In front of the C library's: the list is read by this program's readdir() until it is closed.
extern "C" int closedir(DIR* folder)
{
    static const auto next = reinterpret_cast<int (*)(DIR*)>(dlsym(RTLD_NEXT, "closedir"));
    const int result = next(folder);
    if (const auto happens = std::exchange(between_readings, nullptr))
        happens();
    return result;
}

TEST_CASE("threads that are there are sampled, and call nothing for it", "[process]")
{
    const auto seen = in_child(60, [] {
        census c;
        interrupt i({.signal = SIGPROF});
        filled<noting> s(i, noting{&c});
        std::deque<worker> workers(3);
        const process_threads found = attach_all(i, {.cpu_hz = 1000});
        std::string text = number(found.attached) + number(found.error) + (found.later_ones ? "later" : "");
        for (const worker& w : workers)
            text += eventually([&] { return c.has(w.tid()); }) ? " seen" : " not seen";
        workers.clear();
        (void)i.close(patient);
        const interrupt_books b = i.books();
        return text + (c.weight() == b.expirations ? " equal" : " not equal") + number(b.foreign);
    });
    CHECK(seen.text == "40 seen seen seen equal0");
}

TEST_CASE("a thread that begins behind the reading of the list is attached: it is read until nobody is new",
          "[process]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        std::optional<worker> late;
        between_readings = [&] { late.emplace(); };
        const process_threads found = i.attach_process();
        const bool known = runtime::state_of(SIGPROF)->threads.find(late->tid()) != nullptr;
        return number(found.attached) + (known ? " attached" : " missed");
    });
    CHECK(seen.text == "2 attached");
}

TEST_CASE("attaching the process again finds the same threads, and those that came", "[process]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        worker one;
        int mine = 0;
        const process_threads first = i.attach_process({.user = &mine});
        worker two;
        const process_threads second = i.attach_process();
        return number(first.attached) + number(first.already) + number(second.attached) +
               number(second.already) + number(i.books().attached);
    });
    CHECK(seen.text == "20123");
}

TEST_CASE("a thread that attached itself, before or after the process was, ends when it ends", "[process]")
{
    const bool before = GENERATE(false, true);
    const bool many_keys = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        if (many_keys)
            use_up_keys();
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        std::optional<attachment> token;
        std::atomic<int> step{0};
        int mine = 0;
        const auto attach = [&] { token.emplace(i.attach_this_thread({.user = &mine})); };
        std::thread thread([&] {
            if (before)
                attach();
            step = 1;
            eventually([&] { return step == 2; });
            if (!before)
                attach();
            i.raise(gettid());
            step = 3;
            eventually([&] { return step == 4; });
            token.reset();
            step = 5;
            eventually([&] { return step == 6; });
        });
        eventually([&] { return step == 1; });
        std::string text = number(i.attach_process().attached);
        step = 2;
        eventually([&] { return step == 3; });
        text += t.runs == 1 && t.last_user == &mine ? " ran " : " - ";
        text += number(i.books().attached);
        step = 4;
        eventually([&] { return step == 5; });
        text += number(i.books().attached); // the process still holds it
        step = 6;
        thread.join();
        text +=
            runtime::state_of(SIGPROF)->outsiders == 0 ? "" : " witness "; // before anybody looks for ends
        return text + number(i.books().attached);                          // by its own end: at once
    });
    CHECK(seen.text == (before ? "1 ran 221" : "2 ran 221"));
}

TEST_CASE("a thread that others attached ends: no timer stays, and what was raised on it is dropped",
          "[process]")
{
    const int signo = GENERATE(SIGPROF, SIGRTMIN + 2);
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = signo});
        worker w([&] { change_mask(SIG_BLOCK, signo); });
        const process_threads found = attach_all(i, {.cpu_hz = 1000});
        std::string text = number(found.attached);
        raise_queued(i, w.tid());
        w.join();
        text += to_string(i.drain(patient));
        text += attached_are(i, 1) ? "" : " still attached";
        const interrupt_books b = i.books();
        text += number(b.raised) + number(b.handled) + number(b.dropped);
        // The main thread has a key, so it needs no witness.
        return text + (timers() <= 1 ? "" : " timers stay");
    });
    CHECK(seen.text == "2drained101");
}

TEST_CASE("in a handler on a thread that others attached, waiting is refused", "[process]")
{
    struct asking {
        interrupt* i;
        std::atomic<int>* answer;
        void operator()(const event&) noexcept { *answer = static_cast<int>(i->drain(deadline(0))); }
    };
    const auto seen = in_child(60, [] {
        std::atomic<int> answer{-1};
        interrupt i({.signal = SIGPROF});
        filled<asking> s(i, asking{&i, &answer});
        worker w;
        (void)i.attach_process();
        i.raise(w.tid());
        eventually([&] { return answer != -1; });
        return std::string(to_string(static_cast<outcome>(answer.load())));
    });
    CHECK(seen.text == to_string(outcome::refused_in_interrupt));
}

TEST_CASE("threads that begin and end while the process is attached: the books balance", "[process]")
{
    const auto seen = in_child(100, [] {
        census c;
        interrupt i({.signal = SIGPROF});
        filled<noting> s(i, noting{&c});
        std::atomic<bool> stop{false};
        std::array<std::thread, 2> starters;
        for (std::thread& starter : starters)
            starter = std::thread([&] {
                while (!stop) {
                    std::thread([&] { i.raise(gettid()); }).join();
                }
            });
        std::uint64_t attached = 0;
        for (int n = 0; n < 30; ++n) {
            attached += i.attach_process({.cpu_hz = 1000}).attached;
            i.raise_all();
        }
        stop = true;
        for (std::thread& starter : starters)
            starter.join();
        std::string text = attached >= 3 ? "" : "none attached";
        text += to_string(i.drain(patient));
        text += attached_are(i, 1) ? "" : " still attached";
        const interrupt_books b = i.books();
        text += b.raised == b.handled + b.dropped ? " balanced" : " not balanced";
        text += b.foreign == 0 ? "" : " foreign";
        return text;
    });
    CHECK(seen.exited);
    CHECK(seen.text == "drained balanced");
}

TEST_CASE(
    "after close with the process attached nothing runs; opened again, the threads that are left are sampled",
    "[process]")
{
    const auto seen = in_child(60, [] {
        std::string text;
        worker w;
        worker ends;
        for (int n = 0; n < 2; ++n) {
            tally t;
            interrupt i({.signal = SIGPROF});
            filled<counting> s(i, t);
            attach_all(i, {.cpu_hz = 1000});
            text += eventually([&] { return t.last_tid == w.tid(); }) ? "runs " : "silent ";
            text += number(i.books().attached);
            text += to_string(i.close(patient));
            const int runs = t.runs;
            text += i.attach_process().error == ECANCELED ? "" : " attached";
            // A witness for each thread that has no key.
            text += timers() <= (n == 0 ? 2 : 1) ? "" : " timers stay";
            ends.join();
            text += attached_are(i, 2) ? "" : " still attached";
            text += t.runs == runs ? " " : " after close ";
        }
        return text;
    });
    CHECK(seen.text == "runs 3drained runs 2drained ");
}

TEST_CASE("a thread that is not there is an answer, and takes nothing", "[process]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        pid_t gone = 0;
        std::thread([&] { gone = gettid(); }).join();
        eventually([&] { return tgkill(getpid(), gone, 0) != 0; });
        runtime::interrupt_state& state = *runtime::state_of(SIGPROF);
        std::string text;
        for (const pid_t tid : {gone, 1}) {
            int error = 0;
            text += runtime::attach_from_outside(state, 1, tid, {.cpu_hz = 1000}, error) ==
                            runtime::attaching::ended
                        ? "ended "
                        : "- ";
        }
        return text + number(i.books().attached) + (timers() <= 0 ? "" : " timers stay") +
               number(state.outsiders);
    });
    CHECK(seen.text == "ended ended 00");
}

TEST_CASE("a thread for which no timer is to be had is an answer, and holds none", "[process]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        worker w;
        rlimit limit{};
        getrlimit(RLIMIT_SIGPENDING, &limit);
        std::string text;
        // A thread takes two places in the user's queue. Sooner or later there is room for one alone.
        for (rlim_t room = 0; room < 4; ++room) {
            limit.rlim_cur = queued() + room;
            setrlimit(RLIMIT_SIGPENDING, &limit);
            int error = 0;
            const auto answer =
                runtime::attach_from_outside(*runtime::state_of(SIGPROF), 1, w.tid(), {.cpu_hz = 100}, error);
            if (answer == runtime::attaching::done)
                break;
            text += answer == runtime::attaching::failed && error == EAGAIN ? "" : " another answer";
            text += timers() <= 0 ? "" : " timers stay";
            text += i.books().attached == 0 ? "" : " books";
        }
        return text;
    });
    CHECK(seen.text.empty());
}

TEST_CASE("a main thread that has ended before its process is not attached, or leaves", "[process]")
{
    const bool attached_before = GENERATE(false, true);
    int answer[2];
    REQUIRE(pipe(answer) == 0);
    const auto seen = in_child(60, [&] {
        static interrupt i({.signal = SIGPROF});
        static std::atomic<bool> looked{false};
        std::thread([&] {
            if (attached_before)
                (void)i.attach_process();
            looked = true;
            eventually([] { return runtime::is_zombie(getpid()); });
            const process_threads found = i.attach_process();
            const std::string text =
                number(found.attached) + number(i.books().attached) + to_string(i.drain(patient));
            (void)!write(answer[1], text.data(), text.size());
            _exit(0);
        }).detach();
        eventually([] { return looked.load(); });
        syscall(SYS_exit, 0); // as pthread_exit() ends it
        return std::string("still here");
    });
    close(answer[1]);
    std::array<char, 100> text{};
    const ssize_t n = read(answer[0], text.data(), text.size());
    close(answer[0]);
    CHECK(std::string(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0) ==
          (attached_before ? "01drained" : "11drained"));
}

TEST_CASE("a number that another thread has by now is that thread's", "[process]")
{
    const bool attaches_itself = GENERATE(false, true);
    const auto seen = in_child(60, [&] {
        interrupt i({.signal = SIGPROF});
        runtime::interrupt_state& state = *runtime::state_of(SIGPROF);
        worker first;
        std::string text = number(i.attach_process().attached);
        std::atomic<bool> go{false};
        std::atomic<unsigned> outsiders{9};
        worker second([] {},
                      [&] {
                          eventually([&] { return go.load(); });
                          if (attaches_itself && (new attachment(i.attach_this_thread()))->error() == 0)
                              outsiders = state.outsiders.load();
                      });
        first.join();
        eventually([&] { return tgkill(getpid(), first.tid(), 0) != 0; });
        // As if the kernel had given the number of the first one to the second.
        runtime::thread_block& block = *state.threads.find(first.tid());
        state.threads.remove(block, first.tid());
        state.threads.insert(block, second.tid());
        if (!attaches_itself)
            text += number(i.attach_process().attached);
        go = true;
        second.join();
        if (attaches_itself)
            text += outsiders == 0 ? "1" : "-";
        return text + (attached_are(i, 1) ? "" : " still attached");
    });
    CHECK(seen.text == "21");
}

TEST_CASE("siglongjmp() out of a handler on a thread that others attached keeps nobody's end from being seen",
          "[process]")
{
    static thread_local sigjmp_buf way_out;
    struct jumping {
        void operator()(const event&) noexcept { siglongjmp(way_out, 1); }
    };
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        filled<jumping> s(i);
        worker w([] {},
                 [&] {
                     if (sigsetjmp(way_out, 1) == 0)
                         i.raise(gettid());
                 });
        (void)i.attach_process();
        w.join();
        return std::string(attached_are(i, 1) ? "ended" : "still attached") + to_string(i.drain(patient));
    });
    CHECK(seen.text == "endeddrained");
}

TEST_CASE("fork() on a thread that others attached: in the child it is attached", "[process]")
{
    const auto seen = in_child(60, [] {
        tally t;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        std::atomic<bool> go{false};
        std::atomic<int> code{-1};
        std::thread forker([&] {
            eventually([&] { return go.load(); });
            const pid_t child = fork();
            if (child == 0) {
                alarm(50);
                if (i.books().attached != 1)
                    _exit(1);
                if (i.raise(gettid()) != raise_result::raised || i.drain(patient) != outcome::drained)
                    _exit(2);
                const interrupt_books b = i.books();
                if (b.raised != 1 || b.handled != 1)
                    _exit(3);
                _exit(runtime::state_of(SIGPROF)->outsiders == 0 ? 0 : 4);
            }
            int status = 0;
            waitpid(child, &status, 0);
            code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        });
        attach_all(i, {.cpu_hz = 1000});
        go = true;
        forker.join();
        return std::to_string(code.load());
    });
    CHECK(seen.text == "0");
}

TEST_CASE("a close that came first is seen by who attaches", "[process]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        runtime::interrupt_state& state = *runtime::state_of(SIGPROF);
        (void)i.close(patient);
        int error = 0;
        const bool none = runtime::attach(state, 1, {.cpu_hz = 1000}, error) == nullptr;
        std::string text = std::to_string(none && error == ECANCELED);
        runtime::attach_from_outside(state, 1, getpid(), {.cpu_hz = 1000}, error);
        return text + std::to_string(error == ECANCELED) + (timers() <= 0 ? "" : " timers");
    });
    CHECK(seen.text == "11");
}
