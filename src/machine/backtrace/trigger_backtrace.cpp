// SPDX-License-Identifier: MIT
#include "machine/backtrace/trigger_backtrace.hpp"

#include "base/clock.hpp"
#include "machine/backtrace/unwind.hpp"

#include <algorithm>

namespace nmisim {

backtrace_outcome nmi_trigger_cpumask_backtrace(machine& m, backtrace_board& board,
                                                const std::vector<int>& mask, std::uint64_t limit_ns)
{
    backtrace_outcome outcome;
    // (3) acquire: the one before has read its snapshots; pairs with (4)
    if (board.busy.exchange(true, std::memory_order_acquire)) {
        outcome.busy = true;
        return outcome;
    }
    const std::uint64_t begin_ns = now_ns();
    for (const int cpu : mask)
        if (m.cpu_online(cpu)) {
            outcome.unanswered.push_back(cpu);
            // (1) release: the slot is free to write; pairs with nmi/handlers/cpu_backtrace.cpp(1)
            board.of[static_cast<std::size_t>(cpu)].wanted.store(true, std::memory_order_release);
        }
    for (;;) {
        for (const int cpu : outcome.unanswered)
            m.raise_nmi(cpu); // again, in case one was lost; one that is pending already is enough

        std::erase_if(outcome.unanswered, [&](int cpu) {
            // (2) acquire: its snapshot; pairs with nmi/handlers/cpu_backtrace.cpp(2)
            if (board.of[static_cast<std::size_t>(cpu)].wanted.load(std::memory_order_acquire))
                return false;
            outcome.answered.push_back({cpu, {}});
            return true;
        });
        // Nobody answers for a vCPU that has left.
        std::erase_if(outcome.unanswered, [&](int cpu) {
            if (m.cpu_online(cpu))
                return false;
            // nobody's any more
            board.of[static_cast<std::size_t>(cpu)].wanted.store(false, std::memory_order_relaxed);
            return true;
        });
        if (outcome.unanswered.empty() || now_ns() - begin_ns >= limit_ns)
            break;
        sleep_for(1'000'000);
    }
    std::sort(outcome.answered.begin(), outcome.answered.end(),
              [](const cpu_frames& a, const cpu_frames& b) { return a.cpu < b.cpu; });
    outcome.took_ns = now_ns() - begin_ns;
    for (cpu_frames& c : outcome.answered)
        c.frames = unwind(board.of[static_cast<std::size_t>(c.cpu)].stack);
    for (const int cpu : outcome.unanswered)
        board.of[static_cast<std::size_t>(cpu)].wanted.store(false,
                                                             std::memory_order_relaxed); // nobody's any more
    // (4) release: see (3); pairs with (3)
    board.busy.store(false, std::memory_order_release);
    return outcome;
}

} // namespace nmisim
