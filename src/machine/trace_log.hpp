// SPDX-License-Identifier: MIT
//
// The rings of a traced machine, one for each thread that does something worth a row in the timeline. Memory for
// all records is there before the first one. It outlives the machine, whose threads write to it.
//
//   vCPU n       its NMIs, and the raises and swaps that it does itself
//   injector     raises
//   controller   swaps
//   reclaimer    with call_rcu: liburcu's callback thread
#pragma once

#include "nmi/record/trace_ring.hpp"

#include <memory>
#include <string>
#include <vector>

namespace nmisim {

/// One row of the timeline, as plain data.
struct trace_row {
    enum class what { control, injector, reclaimer, vcpu };
    what thread = what::vcpu;
    int cpu = -1;                      ///< vCPU, or -1
    std::vector<trace_record> records; ///< in the order of writing: an inner slice before its outer
    std::uint64_t lost = 0;            ///< older ones, overwritten; and any that was not complete
};

/// A ring's records; the row's thread is the caller's to fill in. Context: control.
trace_row read_trace(const trace_ring& ring);

class trace_log {
public:
    /// Keeps about the newest `limit` records: three eighths for the vCPUs, as much for the injector, an eighth
    /// each for controller and reclaimer; at least 64 a thread. Context: control. Errors: std::bad_alloc.
    trace_log(int cpus, std::size_t limit);

    trace_ring& vcpu(int cpu) noexcept
    {
        return rings_[static_cast<std::size_t>(first_vcpu) + static_cast<std::size_t>(cpu)].ring;
    }
    trace_ring& controller() noexcept { return rings_[0].ring; }
    trace_ring& injector() noexcept { return rings_[1].ring; }
    trace_ring& reclaimer() noexcept { return rings_[2].ring; }

    /// Rows that hold anything. Context: control; exact for threads that have ended.
    std::vector<trace_row> read() const;

private:
    static constexpr int first_vcpu = 3;
    struct owned_ring {
        std::unique_ptr<trace_slot[]> slots;
        trace_ring ring;
    };
    std::vector<owned_ring> rings_; ///< never resized: threads hold pointers to the rings
};

} // namespace nmisim
