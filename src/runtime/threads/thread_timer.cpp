// SPDX-License-Identifier: MIT
#include "runtime/threads/thread_timer.hpp"

#include "base/clock.hpp"
#include "base/own/own_tid.hpp"
#include "runtime/origin.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace nmisim::runtime {

int make_timer(interrupt_state& state, thread_block& block, const attach_options& options, pid_t tid) noexcept
{
    if ((options.cpu_hz == 0 && options.wall_hz == 0) || block.timer_armed)
        return 0;
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = state.signo;
    event.sigev_value.sival_ptr = mark_of(origin::timer);
    event._sigev_un._tid = tid;
    if (timer_create(options.cpu_hz != 0 ? cpu_clock_of(tid) : CLOCK_MONOTONIC, &event, &block.timer) != 0)
        return errno;
    block.timer_armed = true;
    return 0;
}

int start_timer(thread_block& block, const attach_options& options) noexcept
{
    const unsigned hz = options.cpu_hz != 0 ? options.cpu_hz : options.wall_hz;
    const timespec period = to_timespec(std::max<std::uint64_t>(1, nsec_per_sec / hz));
    const itimerspec spec{period, period};
    if (timer_settime(block.timer, 0, &spec, nullptr) == 0)
        return 0;
    const int error = errno;
    delete_timer(block);
    return error;
}

own_timer take_timer(thread_block& block) noexcept
{
    const own_timer taken{block.timer_armed, block.timer};
    block.timer_armed = false;
    return taken;
}

void delete_timer(thread_block& block) noexcept
{
    take_timer(block).end();
}

int make_witness(interrupt_state& state, thread_block& block, pid_t tid) noexcept
{
    sigevent event{};
    event.sigev_notify = SIGEV_NONE;
    if (timer_create(cpu_clock_of(tid), &event, &block.witness) != 0)
        return errno;
    const itimerspec never{{}, {1'000'000'000, 0}};
    if (timer_settime(block.witness, 0, &never, nullptr) != 0) {
        const int error = errno;
        timer_delete(block.witness);
        return error;
    }
    block.from_outside.store(true, std::memory_order_relaxed); // under the control lock
    state.outsiders.fetch_add(1, std::memory_order_relaxed);   // before its tid can be found
    return 0;
}

bool witness_says_ended(const thread_block& block) noexcept
{
    itimerspec left{};
    return timer_gettime(block.witness, &left) != 0 ||
           (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
}

void delete_witness(interrupt_state& state, thread_block& block) noexcept
{
    if (!block.from_outside.load(std::memory_order_relaxed)) // under the control lock
        return;
    timer_delete(block.witness);
    block.from_outside.store(false, std::memory_order_relaxed); // as above
    state.outsiders.fetch_sub(1, std::memory_order_relaxed);    // as above
}

} // namespace nmisim::runtime
