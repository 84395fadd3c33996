// SPDX-License-Identifier: MIT
#include "exec/trace/shooter.hpp"

#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "exec/trace/proc_files.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

// In si_value. The sender's pid would not do: in another pid namespace it is 0.
void* const mark = reinterpret_cast<void*>(std::uintptr_t{0x6e6d6973696d});

siginfo_t marked(int signal) noexcept
{
    siginfo_t info{};
    info.si_signo = signal;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = mark;
    return info;
}

} // namespace

bool send_nmi(pid_t tgid, pid_t tid, int signal) noexcept
{
    siginfo_t info = marked(signal);
    return syscall(SYS_rt_tgsigqueueinfo, tgid, tid, signal, &info) == 0;
}

bool is_nmi(pid_t tid, int signal, int ours) noexcept
{
    siginfo_t info{};
    return signal == ours && ptrace(PTRACE_GETSIGINFO, tid, nullptr, &info) == 0 &&
           info.si_code == SI_QUEUE && info.si_value.sival_ptr == mark;
}

shooter::shooter(int signal, double rate_hz, std::uint64_t seed)
    : signal_(signal), rate_hz_(rate_hz),
      random_(static_cast<std::minstd_rand::result_type>(seed % 2'147'483'646 + 1))
{
    if (rate_hz_ > 0)
        thread_ = start_thread("the thread that sends NMIs", [this] { work(); });
}

shooter::~shooter()
{
    stop();
}

void shooter::add(std::shared_ptr<target> t)
{
    const std::lock_guard lock(mutex_);
    targets_.push_back(std::move(t));
}

void shooter::remove(const std::shared_ptr<target>& t)
{
    const std::lock_guard lock(mutex_);
    std::erase(targets_, t);
}

shots shooter::stop()
{
    {
        const std::lock_guard lock(mutex_);
        end_ = true;
    }
    ended_.notify_all();
    if (thread_.joinable())
        thread_.join();
    return shots_;
}

void shooter::shoot_all()
{
    for (const auto& t : targets_) {
        if (!t->armed.load(std::memory_order_relaxed)) // relaxed: see target
            continue;
        if (t->outstanding.load(std::memory_order_relaxed)) { // relaxed: see target
            ++shots_.busy;
            if (blocks(t->tid, signal_))
                t->blocked.store(true, std::memory_order_relaxed); // relaxed: see target
            continue;
        }
        t->blocked.store(false, std::memory_order_relaxed); // relaxed: see target
        t->outstanding.store(true,
                             std::memory_order_relaxed); // relaxed: the delivery is ordered by the kernel
        if (send_nmi(t->tgid, t->tid, signal_)) {
            ++shots_.sent;
        } else {
            t->outstanding.store(false, std::memory_order_relaxed); // relaxed: see target
            ++shots_.refused;
        }
    }
}

// Ticks have a fixed grid, so that a late one does not move those behind it; within its period each comes at random. Time
// that was lost is not made up for by a burst.
void shooter::work()
{
    const auto period = static_cast<std::uint64_t>(std::max(1.0, 1e9 / rate_hz_));
    std::uniform_int_distribution<std::uint64_t> within(0, period - 1);
    std::uint64_t start = now_ns();
    std::unique_lock lock(mutex_);
    while (!end_) {
        const std::uint64_t due = start + within(random_);
        if (const std::uint64_t now = now_ns(); due > now)
            ended_.wait_for(lock, std::chrono::nanoseconds(due - now), [this] { return end_; });
        if (end_)
            break;
        shoot_all();
        start = std::max(start + period, now_ns());
        // Let others in: a storm without a pause would hold the lock for ever.
        lock.unlock();
        lock.lock();
    }
}

} // namespace nmisim::exec
