// SPDX-License-Identifier: MIT
#include "machine/trace_log.hpp"

#include <algorithm>
#include <bit>

namespace nmisim {
namespace {

constexpr std::size_t least_capacity = 64;

/// False: the record is gone, or half written.
bool read_slot(const trace_slot& s, std::uint64_t number, trace_record& r) noexcept
{
    // (1) acquire: the words of that record; pairs with nmi/record/trace_ring.cpp(2)
    if (s.number.load(std::memory_order_acquire) != number)
        return false;
    std::array<std::uint64_t, 5> words;
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = s.words[i].load(std::memory_order_relaxed);
    // (2) acquire fence: the number is looked at again after the words; pairs with nmi/record/trace_ring.cpp(1)
    std::atomic_thread_fence(std::memory_order_acquire);
    if (s.number.load(std::memory_order_relaxed) != number)
        return false;
    r.begin_ns = words[0];
    r.end_ns = words[1];
    r.raised_ns = words[2];
    r.generation = words[3];
    r.kind = static_cast<trace_kind>(words[4] & 0xff);
    r.outcome = static_cast<trace_outcome>(words[4] >> 8 & 0xff);
    r.age = static_cast<std::uint8_t>(words[4] >> 16);
    r.failed = static_cast<std::uint16_t>(words[4] >> 32);
    r.value = static_cast<std::uint16_t>(words[4] >> 48);
    return true;
}

} // namespace

trace_log::trace_log(int cpus, std::size_t limit) : rings_(static_cast<std::size_t>(first_vcpu + cpus))
{
    const std::size_t per_vcpu = limit * 3 / 8 / static_cast<std::size_t>(cpus);
    const std::size_t shares[first_vcpu] = {limit / 8, limit * 3 / 8, limit / 8};
    for (std::size_t i = 0; i < rings_.size(); ++i) {
        const std::size_t wanted = i < first_vcpu ? shares[i] : per_vcpu;
        const std::size_t capacity = std::bit_floor(std::max(wanted, least_capacity));
        rings_[i].slots = std::make_unique<trace_slot[]>(capacity);
        rings_[i].ring.slots = rings_[i].slots.get();
        rings_[i].ring.mask = capacity - 1;
    }
}

trace_row read_trace(const trace_ring& ring)
{
    trace_row row;
    const std::uint64_t end = ring.next.load(std::memory_order_relaxed); // its thread has ended, or is stuck
    const std::uint64_t first = end > ring.mask + 1 ? end - (ring.mask + 1) : 0;
    row.records.reserve(end - first);
    trace_record record;
    for (std::uint64_t i = first; i < end; ++i)
        if (read_slot(ring.slots[i & ring.mask], i + 1, record))
            row.records.push_back(record);
    row.lost = end - row.records.size();
    return row;
}

std::vector<trace_row> trace_log::read() const
{
    using enum trace_row::what;
    constexpr trace_row::what whats[first_vcpu] = {control, injector, reclaimer};
    std::vector<trace_row> rows;
    for (std::size_t i = 0; i < rings_.size(); ++i) {
        trace_row row = read_trace(rings_[i].ring);
        row.thread = i < first_vcpu ? whats[i] : vcpu;
        row.cpu = i < first_vcpu ? -1 : static_cast<int>(i) - first_vcpu;
        if (!row.records.empty() || row.lost != 0)
            rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace nmisim
