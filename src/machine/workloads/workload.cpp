// SPDX-License-Identifier: MIT
//
// What vCPUs do between NMIs, one short round at a time. Each kind checks its own results (check `workload`):
// a handler that changes what it should not harms the interrupted program first. errno is checked here as well,
// independently of the signal entry.
#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "machine/workloads/split_workload.hpp"
#include "nmisim/rcu_pointer.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nmisim {
namespace {

constexpr int errno_mark = ENOTTY; // nothing in a spin round sets it

void expect(percpu& area, check which, std::uint64_t observed, std::uint64_t expected,
            const char* what) noexcept
{
    check_record& record = area.task_checks[which];
    record.looked();
    if (observed != expected)
        record.fail({now_ns(), area.cpunumber, 0, observed, expected, 0, what});
}

constexpr std::uint64_t lcg(std::uint64_t x, int steps) noexcept
{
    for (int i = 0; i < steps; ++i)
        x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

} // namespace

// With names that dladdr() finds: they are what most NMIs interrupt, and a violation says where it was.
void spin_round(percpu& area) noexcept
{
    constexpr int steps = 1000;
    static constexpr std::uint64_t expected = lcg(1, steps);
    errno = errno_mark;
    // To the compiler nobody writes errno in between, and what is read would be errno_mark without a look.
    asm volatile("" ::: "memory");
    volatile std::uint64_t seed = 1; // computed at run time
    const std::uint64_t sum = lcg(seed, steps);
    asm volatile("" ::: "memory");
    const int errno_after = errno;
    expect(area, check::errno_kept, static_cast<std::uint64_t>(errno_after), errno_mark,
           "errno in the workload");
    expect(area, check::workload, sum, expected, "result of a computation");
}

void idle_round(machine_state& machine, percpu& area) noexcept
{
    local_touch_nmi(); // every NMI of an idle CPU interrupts the same instruction
    machine.rcu.thread_offline();
    const timespec nap = to_timespec(2'000'000);
    const bool slept = nanosleep(&nap, nullptr) == 0;
    const int error = slept ? EINTR : errno;
    machine.rcu.thread_online();
    expect(area, check::workload, static_cast<std::uint64_t>(error), EINTR,
           "errno of an interrupted nanosleep");
}

void read_round(machine_state& machine, percpu& area) noexcept
{
    for (int i = 0; i < 16; ++i) {
        const rcu_mark mark = machine.rcu.read_lock();
        nmi_callback* callback = rcu_dereference(machine.domain.callback);
        const bool same = callback == nullptr;
        // The callback first: observe_task is set once vCPUs run, and before the first callback is published.
        if (callback != &dummy_nmi_callback && machine.domain.observe_task != nullptr)
            machine.domain.observe_task(*callback, area);
        machine.rcu.read_unlock(mark);
        expect(area, check::workload, same ? 1 : 0, 0, "null callbacks read");
    }
}

namespace {
/// A socket pair per vCPU thread, made in its first round and closed with the thread.
struct socket_pair {
    std::array<int, 2> fds{-1, -1};
    socket_pair() noexcept
    {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
            fds = {-1, -1};
    }
    ~socket_pair()
    {
        for (const int fd : fds)
            if (fd >= 0)
                close(fd);
    }
};
} // namespace

void syscall_round(machine_state& machine, percpu& area) noexcept
{
    thread_local const socket_pair pair; // the vCPU's own code, never an NMI's
    std::array<char, 64> sent{};
    std::array<char, 64> received{};
    sent.fill(static_cast<char>(area.work.read()));
    // SA_RESTART: neither of the two may fail with EINTR.
    expect(area, check::workload, static_cast<std::uint64_t>(write(pair.fds[0], sent.data(), sent.size())),
           sent.size(), "bytes written to a socket");
    expect(area, check::workload,
           static_cast<std::uint64_t>(read(pair.fds[1], received.data(), received.size())), received.size(),
           "bytes read from a socket");
    expect(area, check::workload, std::memcmp(sent.data(), received.data(), sent.size()) == 0 ? 1 : 0, 1,
           "bytes that came back as they were sent");
    // poll(2) is never restarted: it times out or says EINTR, and the vCPU sleeps, so RCU need not watch.
    machine.rcu.thread_offline();
    pollfd fd{pair.fds[1], POLLIN, 0};
    const int ready = poll(&fd, 1, 1);
    const int error = ready < 0 ? errno : EINTR;
    machine.rcu.thread_online();
    expect(area, check::workload, ready <= 0 && error == EINTR ? 1 : 0, 1,
           "poll timed out or was interrupted");
}

void alloc_round(percpu& area)
{
    std::array<unsigned char*, 16> blocks{};
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const std::size_t size = 16u << (i % 9);
        blocks[i] = static_cast<unsigned char*>(std::malloc(size));
        if (blocks[i] != nullptr)
            std::memset(blocks[i], static_cast<int>(i + 1), size);
    }
    std::size_t intact = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const std::size_t size = 16u << (i % 9);
        if (blocks[i] != nullptr && blocks[i][0] == i + 1 && blocks[i][size - 1] == i + 1)
            ++intact;
        std::free(blocks[i]);
    }
    expect(area, check::workload, intact, blocks.size(), "allocated blocks that kept their contents");
}

std::uint64_t irqs_taken(const percpu& area) noexcept
{
    std::uint64_t n = 0;
    if (area.irq != nullptr)
        for (const irq_line& irq : area.irq->lines)
            n += irq.count.read();
    return n;
}

void irqoff_round(percpu& area) noexcept
{
    const unsigned long flags = local_irq_save();
    const std::uint64_t before = irqs_taken(area);
    spin_round(area);
    const std::uint64_t during = irqs_taken(area) - before;
    local_irq_restore(flags);
    expect(area, check::workload, during, 0, "IRQs taken while interrupts were disabled");
}

void workload_round(machine_state& machine, percpu& area)
{
    switch (machine.config.workload) {
    case workload::spin: return spin_round(area);
    case workload::idle: return idle_round(machine, area);
    case workload::read: return read_round(machine, area);
    case workload::syscall: return syscall_round(machine, area);
    case workload::alloc: return alloc_round(area);
    case workload::split: return split_round(area);
    case workload::irqoff: return irqoff_round(area);
    }
}

} // namespace nmisim
