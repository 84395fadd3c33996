// SPDX-License-Identifier: MIT
//
// Who explores a thread looks at it while it runs, in the same process. Breakpoints in the C library are the other's.
#include "support/catch2.hpp"
#include "support/child.hpp"

#include "explore/step/breakpoint.hpp"
#include "explore/watch/quick_look.hpp"
#include "explore/watch/thread_state.hpp"

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nmisim::explore;
using nmisim::test::in_child;

namespace {

class other_thread {
public:
    enum class does : std::uint8_t { sleep, spin, wait_for_a_child };

    explicit other_thread(does what, const char* name = "other")
    {
        REQUIRE(pipe(ends_) == 0);
        thread_ = std::thread([this, what, name] {
            pthread_setname_np(pthread_self(), name);
            tid_.store(gettid());
            char c = 0;
            if (what == does::sleep)
                static_cast<void>(!read(ends_[0], &c, 1));
            while (what == does::spin && !stop_.load())
                ;
            if (what == does::wait_for_a_child) {
                const int pid =
                    clone(read_one, stack_ + sizeof stack_, CLONE_VM | CLONE_VFORK | SIGCHLD, ends_);
                static_cast<void>(waitpid(pid, nullptr, 0));
            }
        });
        while (tid_.load() == 0 || !is_there(what))
            sched_yield();
    }
    ~other_thread()
    {
        stop_.store(true);
        static_cast<void>(!write(ends_[1], "", 1));
        thread_.join();
        close(ends_[0]);
        close(ends_[1]);
    }
    other_thread(const other_thread&) = delete;
    other_thread& operator=(const other_thread&) = delete;

    int tid() const { return tid_.load(); }

private:
    static int read_one(void* ends)
    {
        char c = 0;
        return static_cast<int>(read(static_cast<int*>(ends)[0], &c, 1));
    }

    bool is_there(does what) const
    {
        const thread_state s = state_of(getpid(), tid());
        return what == does::spin || (what == does::sleep && s.letter == 'S') ||
               (s.letter == 'D' && s.system_call == SYS_clone);
    }

    alignas(16) char stack_[65536];
    int ends_[2] = {-1, -1};
    std::atomic<int> tid_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// Those that a look at /proc would call first of all.
unsigned plant_in_libc()
{
    prepare_breakpoints();
    unsigned planted = 0;
    for (const char* name : {"open", "openat", "read", "close", "getpid", "snprintf", "malloc", "free",
                             "memcpy", "memset", "memchr", "strlen", "strstr", "strtoull"})
        planted += plant(reinterpret_cast<std::uintptr_t>(dlsym(RTLD_DEFAULT, name)),
                         breakpoint_kind::one_shot, nullptr)
                       ? 1
                       : 0;
    return planted;
}

template <class Look>
nmisim::test::child_result with_breakpoints(Look look)
{
    return in_child(60, [look] {
        auto* const other = new other_thread(other_thread::does::sleep); // it lives until the child ends
        const unsigned planted = plant_in_libc();
        const bool asleep = look(other->tid());
        remove_one_shots(nullptr);
        return std::to_string(planted) + (asleep ? " planted, asleep" : " planted, not asleep");
    });
}

} // namespace

TEST_CASE("a look at a thread that sleeps tells what /proc does")
{
    for (const char* name : {"other", "a) R (b) R", ")", "S"}) {
        const other_thread other(other_thread::does::sleep, name);
        const thread_state s = state_of(getpid(), other.tid());
        const quick_look q = look_at(other.tid());
        CAPTURE(name);
        CHECK(q.asleep);
        CHECK(q.system_call == s.system_call);
        CHECK(q.ip == s.ip);
        CHECK(q.switches == s.switches);
        CHECK(q.switches > 0);
        CHECK(q.ip > 0);
    }
}

TEST_CASE("a thread that runs, or is gone, is not asleep")
{
    int gone = 0;
    for (const char* name : {"other", "a) S (b) S", ") S"}) {
        const other_thread other(other_thread::does::spin, name);
        CAPTURE(name);
        for (int i = 0; i < 100; ++i)
            CHECK_FALSE(look_at(other.tid()).asleep);
        gone = other.tid();
    }
    CHECK_FALSE(look_at(gone).asleep);
    CHECK_FALSE(look_at(0).asleep);
}

TEST_CASE("a thread that waits where no signal comes through is not asleep")
{
    const other_thread other(other_thread::does::wait_for_a_child);
    CHECK(state_of(getpid(), other.tid()).system_call >= 0);
    CHECK_FALSE(look_at(other.tid()).asleep);
}

TEST_CASE("a look leaves no file open")
{
    const other_thread other(other_thread::does::sleep);
    const int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(before);
    CHECK(look_at(other.tid()).asleep);
    const int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(after);
    CHECK(before >= 0);
    CHECK(after == before);
}

TEST_CASE("who looks at an explored thread meets no breakpoint in the C library")
{
    const auto seen = with_breakpoints([](int tid) { return look_at(tid).asleep; });
    CHECK(seen.exited);
    CHECK(seen.text == "14 planted, asleep");

    const auto met_one = with_breakpoints([](int tid) { return state_of(getpid(), tid).asleep(); });
    CHECK_FALSE(met_one.exited);
    CHECK(met_one.code == SIGTRAP);
}
