// SPDX-License-Identifier: MIT
//
// The rings of a traced machine, one for each thread that has a row in the timeline. Room for all records is reserved
// before the first one. The log outlives the machine, whose threads write to it.
//
//   vCPU n       its NMIs, and the raises and swaps that it does itself
//   injector     raises
//   controller   swaps
//   reclaimer    with call_rcu: liburcu's callback thread
//
// The timeline shows the newest records of all threads together: all rows begin at the same time, so what one row shows
// has its counterpart in the others. It is not known in advance which thread will write the newest ones. So each has
// room for all of them, a vCPU among many for four times its share. Memory is used only where something was written.
#pragma once

#include "nmi/record/trace_ring.hpp"

#include <cstdlib>
#include <memory>
#include <vector>

namespace nmisim {

/// One row of the timeline, as plain data.
struct trace_row {
    enum class what { control, injector, reclaimer, vcpu };
    what thread = what::vcpu;
    int cpu = -1;                      ///< vCPU, or -1
    std::vector<trace_record> records; ///< in the order of writing: an inner slice before its outer
    std::uint64_t overwritten = 0;     ///< older than its first record
    std::uint64_t lost = 0;            ///< overwritten, older than the cut-off, or not complete
};

/// A ring's records; the row's thread is the caller's to fill in. Context: control.
trace_row read_trace(const trace_ring& ring);

/// Leaves the newest `limit` records of all rows together, and fewer where a row has overwritten some of these: no row
/// keeps one that ended before any row begins to be whole. What goes is in the row's `lost`. Context: control.
void keep_newest(std::vector<trace_row>& rows, std::size_t limit);

class trace_log {
public:
    /// Keeps the newest `limit` records. Context: control. Errors: std::bad_alloc.
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
    struct free_slots {
        void operator()(trace_slot* slots) const noexcept { std::free(slots); }
    };
    struct owned_ring {
        std::unique_ptr<trace_slot[], free_slots> slots;
        trace_ring ring;
    };
    const std::size_t limit_;
    std::vector<owned_ring> rings_; ///< never resized: threads hold pointers to the rings
};

} // namespace nmisim
