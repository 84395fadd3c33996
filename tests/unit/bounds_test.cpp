// SPDX-License-Identifier: MIT
//
// Whatever NMI context writes to has a fixed size. Each of these places is filled and asked for one more; memory behind
// it would show an overflow.
#include "base/histogram.hpp"
#include "base/message_line.hpp"
#include "machine/backtrace/unwind.hpp"
#include "machine/registries/nmi_chain_registry.hpp"
#include "machine/trace_log.hpp"
#include "nmi/handlers/profile.hpp"
#include "nmi/record/backtrace.hpp"
#include "nmi/record/stack_snapshot.hpp"
#include "nmi/record/trace_ring.hpp"
#include "support/catch2.hpp"
#include "support/forged_nmi.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <string>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

using namespace nmisim;

namespace {

constexpr std::uintptr_t untouched = 0x5afe5afe5afe5afe;

/// A snapshot, and what lies behind it.
struct guarded_snapshot {
    stack_snapshot snapshot;
    std::array<std::uintptr_t, 64> behind{};
    guarded_snapshot()
    {
        snapshot.words.fill(untouched);
        snapshot.registers.fill(untouched);
        behind.fill(untouched);
    }
    bool behind_is_untouched() const
    {
        return std::all_of(behind.begin(), behind.end(), [](auto word) { return word == untouched; });
    }
};

std::array<std::uintptr_t, snapshot_words + 64> a_stack;

void set_stack_pointer(ucontext_t& uc, std::uintptr_t sp)
{
#if defined(__x86_64__)
    uc.uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(sp);
#else
    uc.uc_mcontext.sp = sp;
#endif
}

} // namespace

TEST_CASE("a stack snapshot takes the words up to the stack's end, as many as it has room for, and no more")
{
    struct stack {
        std::size_t words; ///< above the stack pointer
        std::size_t taken;
        std::size_t odd_bytes; ///< by which the stack pointer is off a word
    };
    const auto s =
        GENERATE(stack{0, 0, 0}, stack{1, 1, 0}, stack{1, 1, 7}, stack{5, 5, 0},
                 stack{snapshot_words - 1, snapshot_words - 1, 0}, stack{snapshot_words, snapshot_words, 0},
                 stack{snapshot_words, snapshot_words, 3}, stack{snapshot_words + 1, snapshot_words, 0},
                 stack{snapshot_words + 64, snapshot_words, 0});
    CAPTURE(s.words, s.odd_bytes);
    for (std::size_t i = 0; i < a_stack.size(); ++i)
        a_stack[i] = i;
    const std::size_t first = a_stack.size() - s.words;
    const auto sp = reinterpret_cast<std::uintptr_t>(a_stack.data() + first);
    ucontext_t uc{};
    test::set_instruction_pointer(uc, 0x1234);
    set_stack_pointer(uc, sp + s.odd_bytes);
    const auto end = reinterpret_cast<std::uintptr_t>(a_stack.data() + a_stack.size());
    const auto out = std::make_unique<guarded_snapshot>();
    take_snapshot(out->snapshot, {&uc}, end);
    const stack_snapshot& taken = out->snapshot;
    CHECK(taken.ip == 0x1234);
    CHECK(taken.sp == sp);
    CHECK(taken.stack_end == end);
    CHECK(taken.count == s.taken);
    bool right = true;
    for (std::size_t i = 0; i < snapshot_words; ++i)
        right = right && taken.words[i] == (i < s.taken ? first + i : untouched);
    CHECK(right);
    CHECK(out->behind_is_untouched());
}

TEST_CASE("of a stack whose end is not known, or lies below, and of no NMI, a snapshot takes no word")
{
    ucontext_t uc{};
    test::set_instruction_pointer(uc, 0x1234);
    set_stack_pointer(uc, reinterpret_cast<std::uintptr_t>(a_stack.data() + 8));
    const auto out = std::make_unique<guarded_snapshot>();
    for (const std::uintptr_t end :
         {std::uintptr_t{0}, reinterpret_cast<std::uintptr_t>(a_stack.data() + 7)}) {
        out->snapshot.count = 99;
        take_snapshot(out->snapshot, {&uc}, end);
        CHECK(out->snapshot.count == 0);
        CHECK(out->snapshot.ip == 0x1234);
    }
    out->snapshot.count = 99;
    take_snapshot(out->snapshot, {nullptr}, UINTPTR_MAX);
    CHECK(out->snapshot.count == 0);
    CHECK(out->snapshot.ip == 0);
    CHECK(out->snapshot.words[0] == untouched);
}

TEST_CASE("a profile's vCPU that has no room left writes to nobody else's, and what was full stays as it was")
{
    profile_buffer buffer(3, 2);
    for (const int cpu : {2, 1}) // first those whose room lies behind
        for (std::uintptr_t i = 0; i < 2; ++i)
            buffer.add(100 * static_cast<std::uintptr_t>(cpu) + i, cpu);
    for (std::uintptr_t i = 0; i < 9; ++i)
        buffer.add(i, 0);
    buffer.add(109, 1);
    std::vector<std::uintptr_t> all;
    CHECK(buffer.drain([&](std::uintptr_t ip) { all.push_back(ip); }) == 7 + 1);
    CHECK(all == std::vector<std::uintptr_t>{0, 1, 100, 101, 200, 201});
}

TEST_CASE("a ring that is full writes over its own oldest records and nothing behind them")
{
    constexpr std::size_t capacity = 8;
    std::array<trace_slot, 2 * capacity> slots;
    for (trace_slot& s : slots)
        s.number = untouched;
    trace_ring ring;
    ring.slots = slots.data();
    ring.room = capacity;
    trace_record r;
    for (r.begin_ns = 1; r.begin_ns <= 3 * capacity + 1; ++r.begin_ns)
        ring.write(r);
    for (std::size_t i = capacity; i < slots.size(); ++i)
        CHECK(slots[i].number == untouched);
    const trace_row row = read_trace(ring);
    CHECK(row.records.size() == capacity);
    CHECK(row.lost == 2 * capacity + 1);
    CHECK(row.records.front().begin_ns == 2 * capacity + 2);
}

TEST_CASE("a value that is too great for a record is the greatest, in its own field alone")
{
    std::array<trace_slot, 1> slots;
    trace_ring ring;
    ring.slots = slots.data();
    ring.room = 1;
    const traced_thread traced(&ring);
    for (const std::uint64_t value : {std::uint64_t{0xfffe}, std::uint64_t{0xffff}, std::uint64_t{0x10000}}) {
        trace_slice(trace_kind::publish, 1, 2, 3, value);
        const trace_row row = read_trace(ring);
        REQUIRE(row.records.size() == 1);
        const trace_record& r = row.records[0];
        CHECK(r.value == std::min<std::uint64_t>(value, 0xffff));
        CHECK(r.kind == trace_kind::publish);
        CHECK((r.failed == 0 && r.age == 0 && r.outcome == trace_outcome::handled));
        CHECK((r.begin_ns == 1 && r.end_ns == 2 && r.generation == 3));
    }
}

TEST_CASE("each field of a record comes back from the ring as it was written")
{
    std::array<trace_slot, 1> slots;
    trace_ring ring;
    ring.slots = slots.data();
    ring.room = 1;
    trace_record r;
    r.begin_ns = 11, r.end_ns = 12, r.raised_ns = 13, r.generation = 14;
    r.kind = trace_kind::grace_period, r.outcome = trace_outcome::dropped;
    r.age = 2, r.failed = 0x8001, r.value = 0xfffe;
    ring.write(r);
    const trace_row row = read_trace(ring);
    REQUIRE(row.records.size() == 1);
    const trace_record& back = row.records[0];
    CHECK((back.begin_ns == 11 && back.end_ns == 12 && back.raised_ns == 13 && back.generation == 14));
    CHECK(back.kind == trace_kind::grace_period);
    CHECK(back.outcome == trace_outcome::dropped);
    CHECK((back.age == 2 && back.failed == 0x8001 && back.value == 0xfffe));
}

namespace {

/// What `ask` says at a depth of a hundred calls.
template <class Ask>
[[gnu::noinline]] std::size_t at_depth(int depth, Ask ask) // NOLINT(misc-no-recursion)
{
    const std::size_t n = depth == 0 ? ask() : at_depth(depth - 1, ask);
    asm volatile("" ::: "memory"); // no tail call
    return n;
}

std::size_t unwind_here(std::uintptr_t* frames, std::size_t size)
{
    ucontext_t uc;
    getcontext(&uc);
    return unwind_interrupted({&uc}, frames, size);
}

constexpr bool unwinds = NMISIM_UNWINDS; // tests/unit/meson.build

} // namespace

TEST_CASE("a backtrace has as many frames as it has room for, and no more")
{
    const std::size_t room = GENERATE(0u, 1u, 2u, 63u, 64u);
    std::array<std::uintptr_t, 80> frames;
    frames.fill(untouched);
    const std::size_t n = at_depth(100, [&] { return unwind_here(frames.data(), room); });
    CHECK(n == (unwinds ? room : std::min<std::size_t>(room, 1)));
    for (std::size_t i = 0; i < frames.size(); ++i)
        CHECK((frames[i] == untouched) == (i >= n));
    CHECK(unwind_interrupted({nullptr}, frames.data(), 64) == 0);
}

TEST_CASE("of a stack that was taken in part, a backtrace uses no word behind that part")
{
    if (!unwinds) {
        WARN("skipped: built without libunwind, a backtrace is the interrupted instruction");
        return;
    }
    const auto taken = std::make_unique<stack_snapshot>();
    at_depth(100, [&] {
        static ucontext_t uc; // not on the stack, of which it would be the most
        getcontext(&uc);
        take_snapshot(*taken, {&uc}, stack_end_of_this_thread());
        return std::size_t{0};
    });
    const std::vector<std::uintptr_t> all = unwind(*taken);
    CHECK(all.size() == 64); // the most that is told
    const auto decoy = reinterpret_cast<std::uintptr_t>(&unwind_here);
    const auto part = std::make_unique<stack_snapshot>();
    std::size_t longest = 0;
    for (std::size_t count = 0; count < 200; ++count) {
        *part = *taken;
        part->count = count;
        std::fill(part->words.begin() + static_cast<std::ptrdiff_t>(count), part->words.end(), decoy);
        const std::vector<std::uintptr_t> frames = unwind(*part);
        longest = std::max(longest, frames.size());
        CAPTURE(count);
        CHECK(std::find(frames.begin(), frames.end(), decoy) == frames.end());
        CHECK(std::equal(frames.begin(), frames.end(), all.begin()));
    }
    CHECK(longest > 2);
}

namespace {

/// What the line hands out.
std::string given(message_line& line)
{
    static std::string text;
    line.give_to([](const char* from, std::size_t length) noexcept { text.assign(from, length); });
    return text;
}

} // namespace

TEST_CASE("a line of NMI context that does not fit is cut at 255 characters and still ends")
{
    const std::size_t length = GENERATE(0u, 1u, 254u, 255u, 256u, 600u);
    struct {
        message_line line;
        std::array<char, 64> behind{};
    } guarded;
    const std::string text(length, 'x');
    CHECK(given(guarded.line.text(text.c_str())) ==
          std::string(std::min<std::size_t>(length, 255), 'x') + "\n");
    CHECK(guarded.behind == std::array<char, 64>{});
    CHECK(given(guarded.line.text("again")) == "again\n");
}

TEST_CASE("the longest numbers have room in a line of NMI context")
{
    CHECK(given(message_line().number(INT64_MIN).text(" ").number(INT64_MAX).text(" ").number(0)) ==
          "-9223372036854775808 9223372036854775807 0\n");
    CHECK(given(message_line().hex(UINT64_MAX).text(" ").hex(0xa, 2).text(" ").hex(0)) ==
          "ffffffffffffffff 0a 0\n");
    CHECK(given(message_line().hex(0x1, 99)) == "0000000000000001\n");
}

TEST_CASE("the longest times are counted in a histogram's last bucket, and nowhere else")
{
    const std::uint64_t value =
        GENERATE(histogram_floor(histogram_buckets) - 1, histogram_floor(histogram_buckets),
                 histogram_floor(histogram_buckets + 1), UINT64_MAX / 2, UINT64_MAX);
    histogram h;
    h.record(value);
    CHECK(h.count() == 1);
    CHECK(h.sum() == value);
    CHECK((h.min() == value && h.max() == value));
    for (int i = 0; i < histogram_buckets; ++i)
        CHECK(h.bucket(i) == (i == histogram_buckets - 1 ? 1 : 0));
}

TEST_CASE("a chained handler's name is cut to its room and still ends")
{
    constexpr std::size_t room = std::tuple_size_v<decltype(nmi_action::name)>;
    const std::size_t length = GENERATE(0u, 1u, 30u, 31u, 32u, 33u, 100u);
    const auto action = make_nmi_action(&dummy_nmi_callback, nullptr, std::string(length, 'n'));
    CHECK(std::string(action->name.data()) == std::string(std::min(length, room - 1), 'n'));
    CHECK(action->name.back() == '\0');
    CHECK(action->duration.max_ns == 0);
}
