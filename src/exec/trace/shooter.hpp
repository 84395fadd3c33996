// SPDX-License-Identifier: MIT
//
// Sends the NMIs of a storm: a thread that wakes at each tick and queues the signal to every thread that is armed and has
// taken its last one. One is outstanding per thread at most: what a thread has blocked is not piled up. A signal carries
// the mark of its sender, so that the program's own signals of that number are told apart.
//
// A fork under a fast storm ends: since Linux 4.19 a signal that comes while it lasts does not restart it, and the
// supervisor needs 5.3 (PTRACE_GET_SYSCALL_INFO).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace nmisim::exec {

/// One thread, as the shooter sees it.
struct target {
    target(pid_t process, pid_t thread) noexcept : tgid(process), tid(thread) {}

    const pid_t tgid;
    const pid_t tid;
    // Relaxed: each is one fact that orders nothing else; a shot too many is suppressed at its delivery.
    std::atomic<bool> armed{false};
    std::atomic<bool> outstanding{false};
    /// It was seen with our signal in its mask while one is pending. A thread that ends shows no mask, and takes none.
    std::atomic<bool> blocked{false};
};

/// Queues one NMI. False: the kernel refused it (the thread has ended, or too many signals are queued).
bool send_nmi(pid_t tgid, pid_t tid, int signal) noexcept;
/// Whether the signal that is about to be delivered to the stopped thread is ours.
bool is_nmi(pid_t tid, int signal, int ours) noexcept;

struct shots {
    std::uint64_t sent = 0;
    std::uint64_t busy = 0; ///< the last one was not taken yet
    std::uint64_t refused =
        0; ///< by the kernel: the thread has ended, or too many signals are queued (ulimit -i)
};

class shooter {
public:
    /// `rate_hz` per thread; 0: never.
    shooter(int signal, double rate_hz, std::uint64_t seed);
    ~shooter();
    shooter(const shooter&) = delete;
    shooter& operator=(const shooter&) = delete;

    void add(std::shared_ptr<target> t);
    void remove(const std::shared_ptr<target>& t);
    shots stop();

private:
    void work();
    void shoot_all();

    const int signal_;
    const double rate_hz_;
    std::minstd_rand random_;
    std::mutex mutex_; ///< protects what follows; held while shooting, never while waiting for a tick
    std::condition_variable ended_;
    bool end_ = false;
    std::vector<std::shared_ptr<target>> targets_;
    shots shots_;
    std::thread thread_;
};

} // namespace nmisim::exec
