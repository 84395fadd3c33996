// SPDX-License-Identifier: MIT
//
// A watchdog for a program's own threads: if the last few NMIs saw no heartbeat, it says where the thread is stuck.
// Its limit is data of the handler. To change the limit, the program swaps the handler while NMIs keep coming, so no
// NMI sees the old limit with the new state. Built and run as a test.
#include <nmisim/machine.hpp>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <tuple>

namespace {

std::atomic<std::uint64_t> heartbeats{0};
std::atomic<bool> stuck{false};

struct finding {
    std::atomic<unsigned> misses{0}; ///< 0: nothing found
    std::atomic<std::uintptr_t> ip{0};
};

/// At each NMI, looks for a heartbeat since the NMI before.
struct watchdog {
    unsigned limit; ///< NMIs in a row without a heartbeat
    finding& found;
    std::uint64_t seen = 0;
    unsigned missed = 0;

    int operator()(const nmisim::pt_regs& regs, int) noexcept
    {
        const std::uint64_t now = heartbeats.load(std::memory_order_relaxed);
        missed = now == seen ? missed + 1 : 0;
        seen = now;
        if (missed == limit) {
            found.ip.store(nmisim::instruction_pointer(regs), std::memory_order_relaxed);
            found.misses.store(missed, std::memory_order_relaxed); // read after the drain
        }
        return 1;
    }
};

void worker(nmisim::vcpu&)
{
    if (!stuck.load(std::memory_order_relaxed))
        heartbeats.fetch_add(1, std::memory_order_relaxed);
}

/// One NMI every millisecond; false if one does not end.
bool nmis(nmisim::machine& m, int n)
{
    for (int i = 0; i < n; ++i) {
        const timespec one_ms{0, 1'000'000};
        nanosleep(&one_ms, nullptr);
        m.raise_nmi(0);
        if (!m.drain(10'000'000'000))
            return false;
    }
    return true;
}

} // namespace

int main()
{
    finding found;
    nmisim::machine_config config;
    config.custom_workload = worker;
    nmisim::machine m(config);

    std::ignore = m.exchange(nmisim::make_nmi_handler(watchdog{50, found}));
    if (!nmis(m, 100) || found.misses != 0)
        return 1; // the heart beats: nothing to find

    // Stricter from the next NMI on. The old one is freed.
    std::ignore = m.exchange(nmisim::make_nmi_handler(watchdog{5, found}));
    stuck = true;
    if (!nmis(m, 20) || found.misses != 5)
        return 1;
    std::printf("stuck: no heartbeat for %u NMIs, at %#lx\n", found.misses.load(),
                static_cast<unsigned long>(found.ip.load()));
    return found.ip != 0 ? 0 : 1;
}
