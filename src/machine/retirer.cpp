// SPDX-License-Identifier: MIT
#include "machine/retirer.hpp"

#include "base/signal_mask.hpp"
#include "base/start_thread.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace nmisim {

void retirer::start()
{
    const std::lock_guard lock(lock_);
    if (thread_.joinable())
        return;
    const signals_blocked block; // no NMI and no Ctrl-C is for this thread
    thread_ = start_thread("the thread that waits for grace periods", [this] { work(); });
}

bool retirer::wait(nmi_handler& old, deadline limit)
{
    constexpr std::int64_t longest_ns = 100'000'000'000'000'000; // three years: no clock overflows
    const auto mine = std::make_shared<request>();
    const not_watched waiting(state_);
    std::unique_lock lock(lock_);
    requests_.push_back(mine);
    asked_.notify_one();
    if (ended_.wait_for(lock, std::chrono::nanoseconds(std::min(limit.ns(), longest_ns)),
                        [&] { return mine->ended; }))
        return true;
    mine->given_up = std::move(old);
    return false;
}

void retirer::end()
{
    {
        const std::lock_guard lock(lock_);
        ending_ = true;
        asked_.notify_one();
    }
    if (thread_.joinable())
        thread_.join();
}

void retirer::work()
{
    std::unique_lock lock(lock_);
    for (;;) {
        asked_.wait(lock, [&] { return ending_ || !requests_.empty(); });
        if (requests_.empty())
            return;
        const auto served = std::exchange(requests_, {});
        lock.unlock();
        state_.rcu.synchronize();
        lock.lock();
        for (const auto& one : served)
            one->ended = true;
        ended_.notify_all();
        // Nobody gives up any more what has ended.
        lock.unlock();
        for (const auto& one : served)
            one->given_up.reset();
        lock.lock();
    }
}

} // namespace nmisim
