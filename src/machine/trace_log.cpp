// SPDX-License-Identifier: MIT
#include "machine/trace_log.hpp"

#include <algorithm>
#include <functional>
#include <new>

namespace nmisim {
namespace {

constexpr std::size_t least_room = 64;

/// Zero pages of the system's until they are written, which is what empty slots are: room costs no memory.
trace_slot* empty_slots(std::size_t n)
{
    void* const memory = std::calloc(n, sizeof(trace_slot));
    if (memory == nullptr)
        throw std::bad_alloc();
    return static_cast<trace_slot*>(memory);
}

/// The end of the oldest record that may be kept, so that no more than `limit` are.
std::uint64_t newest_from_ns(const std::vector<trace_row>& rows, std::size_t limit)
{
    std::vector<std::uint64_t> ends;
    for (const trace_row& row : rows)
        for (const trace_record& r : row.records)
            ends.push_back(r.end_ns);
    if (ends.size() <= limit)
        return 0;
    const auto first_not = ends.begin() + static_cast<std::ptrdiff_t>(limit);
    std::nth_element(ends.begin(), first_not, ends.end(), std::greater<>());
    return *first_not + 1;
}

/// The same, so that each row is whole: what it has overwritten ended before its first record did.
std::uint64_t whole_from_ns(const std::vector<trace_row>& rows)
{
    std::uint64_t from_ns = 0;
    for (const trace_row& row : rows)
        if (row.overwritten != 0 && !row.records.empty())
            from_ns = std::max(from_ns, row.records.front().end_ns);
    return from_ns;
}

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

trace_log::trace_log(int cpus, std::size_t limit)
    : limit_(limit), rings_(static_cast<std::size_t>(first_vcpu + cpus))
{
    const std::size_t per_vcpu = std::min(limit, limit * 4 / static_cast<std::size_t>(cpus));
    for (std::size_t i = 0; i < rings_.size(); ++i) {
        const std::size_t room = std::max(i < first_vcpu ? limit : per_vcpu, least_room);
        rings_[i].slots.reset(empty_slots(room));
        rings_[i].ring.slots = rings_[i].slots.get();
        rings_[i].ring.room = room;
    }
}

void keep_newest(std::vector<trace_row>& rows, std::size_t limit)
{
    const std::uint64_t from_ns = std::max(newest_from_ns(rows, limit), whole_from_ns(rows));
    for (trace_row& row : rows)
        row.lost += std::erase_if(row.records, [=](const trace_record& r) { return r.end_ns < from_ns; });
}

trace_row read_trace(const trace_ring& ring)
{
    trace_row row;
    const std::uint64_t end = ring.next.load(std::memory_order_relaxed); // its thread has ended, or is stuck
    const std::uint64_t first = end > ring.room ? end - ring.room : 0;
    row.records.reserve(end - first);
    trace_record record;
    for (std::uint64_t i = first; i < end; ++i)
        if (read_slot(ring.slots[i % ring.room], i + 1, record))
            row.records.push_back(record);
    row.overwritten = first;
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
    keep_newest(rows, limit_);
    return rows;
}

} // namespace nmisim
