// SPDX-License-Identifier: MIT
//
// What a thread did, for a timeline: a ring of fixed-size records that its own thread writes, NMIs included, and
// that is read afterwards. Nothing is allocated while it is written; the newest records stay, older ones are
// overwritten and counted. machine/trace_log.hpp decides which of them a timeline shows.
//
// One writer, but an NMI may write between any two instructions of its own thread's write: so a slot is reserved in one
// instruction, and the NMI gets the next one. Each slot carries the number of its record, stored last; a reader leaves
// out a record that is half written (for instance because the thread is stuck in an NMI).
//
// Without a timeline an NMI pays nothing: its entry is not exc_nmi_traced(). A raise then tests one thread-local
// pointer.
#pragma once

#include "base/counter.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace nmisim {

enum class trace_kind : std::uint8_t {
    nmi,          ///< one NMI, from signal entry to its end
    raise,        ///< the system call that raises one
    coalesced,    ///< a raise that met a pending NMI
    rejected,     ///< a raise that the kernel refused: signal queue full
    online,       ///< a vCPU's life
    swap,         ///< of the controller: publish to reclaimed
    publish,      ///< rcu_assign_pointer
    grace_period, ///< synchronize_rcu
    reclaim,      ///< the old handler's data freed
};

enum class trace_outcome : std::uint8_t { handled, defaulted, offline, dropped };

struct trace_record {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;     ///< == begin_ns: an instant
    std::uint64_t raised_ns = 0;  ///< nmi: when it was raised, 0: not known
    std::uint64_t generation = 0; ///< of the handler: that ran, was published, or is waited for; 0: none
    trace_kind kind = trace_kind::nmi;
    trace_outcome outcome = trace_outcome::handled; ///< nmi
    std::uint8_t age = 0;                           ///< nmi: of the handler seen (Reader Pipe)
    std::uint16_t failed = 0;                       ///< nmi: bit set of the checks that it failed
    std::uint16_t value = 0; ///< nmi: in flight at entry; raise: the vCPU; publish, reclaim: handlers waiting
};

struct trace_slot {
    std::atomic<std::uint64_t> number{0}; ///< of its record, from 1; 0: none, or under way
    std::array<std::atomic<std::uint64_t>, 5> words{};
};

/// What the owning thread needs; machine/trace_log.hpp has the memory and reads it.
struct trace_ring {
    trace_slot* slots = nullptr;
    std::uint64_t room = 0; ///< number of slots
    std::atomic<std::uint64_t> next{0};

    /// Context: any, on the thread that owns the ring. Async-signal-safe, wait-free.
    void write(const trace_record& record) noexcept;
};

/// The ring of the calling thread; null: it is not traced.
extern constinit __thread trace_ring* this_trace __attribute__((tls_model("initial-exec")));

/// Writes a slice to the calling thread's ring, if it has one. Context: any.
inline void trace_slice(trace_kind kind, std::uint64_t begin_ns, std::uint64_t end_ns,
                        std::uint64_t generation = 0, std::uint64_t value = 0) noexcept
{
    if (this_trace != nullptr) [[unlikely]] {
        trace_record record;
        record.begin_ns = begin_ns;
        record.end_ns = end_ns;
        record.generation = generation;
        record.kind = kind;
        record.value = static_cast<std::uint16_t>(value < 0xffff ? value : 0xffff);
        this_trace->write(record);
    }
}

/// The calling thread writes to `ring` while this lives. Context: vcpu, control.
class traced_thread {
public:
    explicit traced_thread(trace_ring* ring) noexcept : before_(this_trace) { this_trace = ring; }
    ~traced_thread() { this_trace = before_; }
    traced_thread(const traced_thread&) = delete;
    traced_thread& operator=(const traced_thread&) = delete;

private:
    trace_ring* before_;
};

/// The signal handler of a traced machine: nmi_domain::exc_nmi, with a record of it. Context: nmi.
void exc_nmi_traced(int signo, siginfo_t* info, void* context) noexcept;

} // namespace nmisim
