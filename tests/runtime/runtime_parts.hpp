// SPDX-License-Identifier: MIT
//
// What the tests of interrupts share: a handler that counts, one that can be held, and a thread that is there.
#pragma once

#include "nmisim/slot.hpp"
#include "support/await.hpp"

#include <atomic>
#include <cerrno>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace nmisim::test {

/// Long enough for any test on any machine; its end is a failure.
constexpr deadline patient{20'000'000'000};

inline std::string number(std::uint64_t n)
{
    return std::to_string(n);
}

/// What a handler has done, and whether it still lives.
struct tally {
    std::atomic<int> runs{0};
    std::atomic<int> destroyed{0};
    std::atomic<std::uint64_t> weight{0};
    std::atomic<pid_t> last_tid{0};
    std::atomic<void*> last_user{nullptr};
};

class counting {
public:
    explicit counting(tally& t) noexcept : tally_(&t) {}
    ~counting() { ++tally_->destroyed; }
    counting(const counting&) = delete;
    counting& operator=(const counting&) = delete;
    void operator()(const event& e) noexcept
    {
        tally_->weight += e.weight;
        tally_->last_tid = e.tid();
        tally_->last_user = e.user;
        ++tally_->runs;
    }

private:
    tally* tally_;
};

/// Stays in the handler until the gate opens.
struct gate {
    std::atomic<int> inside{0};
    std::atomic<bool> open{false};
};

class held {
public:
    held(gate& g, tally& t) noexcept : gate_(&g), tally_(&t) {}
    ~held() { ++tally_->destroyed; }
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    void operator()(const event&) noexcept
    {
        ++gate_->inside;
        while (!gate_->open)
            sched_yield();
        ++tally_->runs;
        --gate_->inside;
    }

private:
    gate* gate_;
    tally* tally_;
};

/// A slot with an object in it, for the test's time.
template <class Handler>
class filled : public slot<Handler> {
public:
    template <class... Arguments>
    explicit filled(interrupt& i, Arguments&&... arguments) : slot<Handler>(i)
    {
        (void)this->exchange(make<Handler>(std::forward<Arguments>(arguments)...), patient);
    }
};

/// For the rest of the thread.
inline void attach_for_good(interrupt& i, const attach_options& options = {})
{
    (void)new attachment(i.attach_this_thread(options));
}

/// A thread of the program: calls `begin`, then waits for its end, then calls `end`.
class worker {
public:
    template <class Begin, class End>
    worker(Begin begin, End end)
        : thread_([this, begin, end] {
              begin();
              tid_ = gettid();
              while (!stop_)
                  sched_yield();
              end();
          })
    {
        while (tid_ == 0)
            sched_yield();
    }
    template <class Begin>
    explicit worker(Begin begin) : worker(begin, [] {})
    {}
    worker() : worker([] {}) {}
    ~worker() { join(); }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    pid_t tid() const noexcept { return tid_; }
    void stop() noexcept { stop_ = true; }
    void join()
    {
        stop_ = true;
        if (thread_.joinable())
            thread_.join();
    }

private:
    std::atomic<pid_t> tid_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

/// A signal with any payload, as other code of this process may send it.
inline long send_foreign(pid_t tid, int signo, void* value = nullptr, int code = SI_QUEUE)
{
    siginfo_t info{};
    info.si_code = code;
    info.si_pid = getpid();
    info.si_value.sival_ptr = value;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signo, &info);
}

/// A raise on a real-time signal. The kernel's queue is one for all processes of the user, who may have it full for a while.
inline raise_result raise_queued(interrupt& i, pid_t tid)
{
    raise_result answer{};
    eventually([&] { return (answer = i.raise(tid)) != raise_result::rejected; });
    return answer;
}

/// Attaches with a timer, for which the same holds, for the rest of the thread.
inline bool attach_timer(interrupt& i, const attach_options& options)
{
    return eventually([&] { return (new attachment(i.attach_this_thread(options)))->error() != EAGAIN; });
}

} // namespace nmisim::test
