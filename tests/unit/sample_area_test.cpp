// SPDX-License-Identifier: MIT
//
// The sampler and the memory that it shares, in one process: the area is mapped as a program would, and the code in it called as
// the kernel would.
#include "exec/profile/sample_area.hpp"

#include "support/child.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

using namespace nmisim::exec;

namespace {

constexpr std::uint64_t never_ns = ~std::uint64_t{0} >> 1;

/// A program that has the area.
class mapped_area {
public:
    explicit mapped_area(const sample_area& a)
        : bytes_(a.bytes()),
          at_(mmap(nullptr, a.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, a.descriptor(), 0))
    {
        mprotect(at_, own::page_bytes, PROT_READ | PROT_EXEC);
    }
    ~mapped_area() { munmap(at_, bytes_); }
    mapped_area(const mapped_area&) = delete;
    mapped_area& operator=(const mapped_area&) = delete;

    area_head& head() const { return head_of(reinterpret_cast<std::uintptr_t>(at_)); }

    /// The first one that is not of that buffer.
    sample_slot& slot_behind(std::size_t buffer) const
    {
        return slots_of(reinterpret_cast<std::uintptr_t>(at_), head().slots, buffer + 1)[0];
    }

    /// Of the buffer that is published.
    sample_slot& slot(std::size_t i) const
    {
        const std::uint16_t buffer = published_in(head().published.load()).buffer;
        return slots_of(reinterpret_cast<std::uintptr_t>(at_), head().slots, buffer)[i];
    }

    void interrupt(int clock, std::uintptr_t ip, std::uintptr_t sp = 0, std::uintptr_t fp = 0,
                   int code = 1) const
    {
        siginfo_t info{};
        info.si_code = code;
        info.si_fd = clock;
        ucontext_t context{};
        context.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(ip);
        context.uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(sp);
        context.uc_mcontext.gregs[REG_RBP] = static_cast<greg_t>(fp);
        call(reinterpret_cast<handler>(static_cast<char*>(at_) + sampler_offset), &info, &context);
    }

    using handler = void (*)(int, siginfo_t*, void*);
    void (*call)(handler, siginfo_t*, void*) = [](handler h, siginfo_t* info, void* context) {
        h(0, info, context);
    };

private:
    std::size_t bytes_;
    void* at_;
};

/// With the trap flag: SIGTRAP behind each instruction.
void call_in_steps(mapped_area::handler h, siginfo_t* info, void* context)
{
    asm volatile("mov %%rsp, %%rbx; sub $128, %%rsp; and $-16, %%rsp;"
                 "pushfq; orq $0x100, (%%rsp); popfq;"
                 "call *%2;"
                 "pushfq; andq $-257, (%%rsp); popfq;"
                 "mov %%rbx, %%rsp"
                 : "+S"(info), "+d"(context)
                 : "r"(h)
                 : "rax", "rbx", "rcx", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3",
                   "xmm4", "xmm5", "xmm6", "xmm7", "cc", "memory");
}

/// What happens between two instructions of the sampler: at one of them an era ends.
struct ending_era {
    static constexpr std::size_t eras = 2; ///< each with the buffer of its number
    area_head* head = nullptr;
    unsigned ends_at = 0;
    unsigned steps = 0;
    bool taken[eras]{};
    bool counted[eras]{}; ///< in the buffer's era, when a slot was taken

    void begin(unsigned at)
    {
        ends_at = at;
        steps = 0;
        for (std::size_t e = 0; e < eras; ++e) {
            head->cursors[e].next.store(0);
            taken[e] = false;
        }
        head->published.store(word_of({1, 0, 0}));
    }
    void step()
    {
        if (steps++ == ends_at)
            head->published.store(word_of({2, 1, 1}));
        for (std::size_t e = 0; e < eras; ++e)
            if (!taken[e] && head->cursors[e].next.load() != 0) {
                taken[e] = true;
                counted[e] = inside(e);
            }
    }
    bool inside(std::size_t era) const
    {
        const auto& lines = head->eras[era].readers().lines;
        return std::any_of(lines.begin(), lines.end(), [](const auto& line) {
            return line.inside[0].load() != 0 || line.inside[1].load() != 0;
        });
    }
};
ending_era the_era;

struct seen_samples {
    std::vector<std::vector<std::uintptr_t>> stacks;
    std::vector<int> clocks;
    void operator()(const taken_sample& s)
    {
        stacks.emplace_back(s.ip.begin(), s.ip.end());
        clocks.push_back(s.clock);
    }
};

struct sampled {
    explicit sampled(std::uint32_t frames = most_frames, std::uint64_t patience_ns = never_ns,
                     bool copies = false)
        : area(frames, copies, patience_ns), program(area)
    {}
    void turn()
    {
        area.turn([this](const taken_sample& s) { seen(s); }, last_death_ns);
    }
    void finish()
    {
        area.finish([this](const taken_sample& s) { seen(s); });
    }
    /// A handler that has begun and does not end.
    auto& stays_inside()
    {
        auto& head = program.head();
        const auto now = published_in(head.published.load());
        return nmisim::rcu::enter_section<sampler_platform, nmisim::rcu::srcu_orders>(
            head.eras[now.era].readers());
    }

    std::uint64_t last_death_ns = never_ns;
    sample_area area;
    mapped_area program;
    seen_samples seen;
};

} // namespace

TEST_CASE("a sample is seen when its buffer has been swapped out, once")
{
    sampled s;
    s.program.interrupt(7, 0x1234);
    s.turn();
    CHECK(s.seen.stacks.empty());
    s.program.interrupt(8, 0x5678);
    s.turn();
    CHECK(s.seen.clocks == std::vector{7});
    for (int i = 0; i < 40; ++i)
        s.turn();
    s.finish();
    CHECK(s.seen.clocks == std::vector{7, 8});
    CHECK(s.seen.stacks == std::vector<std::vector<std::uintptr_t>>{{0x1234}, {0x5678}});
    CHECK(s.area.counts().lost() == 0);
    CHECK(s.area.counts().eras == 1);
}

TEST_CASE("a signal that no clock has sent is no sample")
{
    sampled s;
    s.program.interrupt(7, 0x1234, 0, 0, SI_USER);
    s.program.interrupt(7, 0x1234, 0, 0, SI_QUEUE);
    s.finish();
    CHECK(s.seen.stacks.empty());
}

TEST_CASE("a buffer is not drained while a handler is inside that may write to it")
{
    sampled s;
    s.program.interrupt(1, 0x1000);
    auto& inside = s.stays_inside();
    for (int i = 0; i < 5; ++i)
        s.turn();
    CHECK(s.seen.stacks.empty());
    CHECK(s.area.counts().swaps == 1); // the room is not needed
    nmisim::rcu::leave_section<sampler_platform, nmisim::rcu::srcu_orders>(inside);
    s.turn();
    CHECK(s.seen.clocks == std::vector{1});
}

TEST_CASE("where buffers run out, the published one stays so; one is left for the next era")
{
    sampled s;
    s.stays_inside();
    const std::uint32_t half = s.program.head().slots / 2 + 1;
    for (std::size_t i = 0; i < sample_buffers; ++i) {
        for (std::uint32_t j = 0; j < half; ++j)
            s.program.interrupt(1, 0x1000);
        s.turn();
    }
    CHECK(s.seen.clocks.empty());
    s.finish();
    CHECK(s.area.counts().no_room == 2); // two halves in the last one but one
    CHECK(s.area.counts().lost() == 2);
    CHECK(s.seen.clocks.size() == sample_buffers * half - 2);
}

TEST_CASE("a grace period takes as long as it takes where no thread has ended")
{
    sampled s(most_frames, 0);
    s.last_death_ns = 0;
    s.program.interrupt(1, 0x1000);
    auto& inside = s.stays_inside();
    for (int i = 0; i < 5; ++i)
        s.turn();
    CHECK(s.area.counts().eras == 1);
    CHECK(s.seen.clocks.empty());
    nmisim::rcu::leave_section<sampler_platform, nmisim::rcu::srcu_orders>(inside);
    s.turn();
    CHECK(s.seen.clocks == std::vector{1});
}

TEST_CASE("a handler whose process was killed costs an era, and the profile goes on")
{
    sampled s(most_frames, 0);
    s.program.interrupt(1, 0x1000);
    s.stays_inside();
    s.turn();
    s.turn(); // begins another era
    CHECK(s.area.counts().eras == 2);
    s.program.interrupt(2, 0x1000);
    s.turn();
    s.turn();
    // The one of the lost era may still be written to.
    CHECK(s.seen.clocks == std::vector{2});
    s.finish();
    std::vector<int> clocks = s.seen.clocks;
    std::sort(clocks.begin(), clocks.end());
    CHECK(clocks == std::vector{1, 2});
}

TEST_CASE("where an era ends while a handler begins, the handler takes a buffer of the era where it counts")
{
    const auto seen = nmisim::test::in_child(60, [] {
        sampled s;
        the_era.head = &s.program.head();
        s.program.call = call_in_steps;
        struct sigaction action {};
        action.sa_handler = [](int) { the_era.step(); };
        sigaction(SIGTRAP, &action, nullptr);
        unsigned samples[ending_era::eras]{};
        for (unsigned at = 0;; ++at) {
            the_era.begin(at);
            s.program.interrupt(1, 0x1000);
            if (the_era.taken[0] == the_era.taken[1])
                return fmt::format("step {}: no sample, or two", at);
            const std::size_t era = the_era.taken[0] ? 0 : 1;
            if (!the_era.counted[era])
                return fmt::format("step {}: in a buffer of era {}, and not counted there", at, era);
            ++samples[era];
            if (the_era.steps <= at)
                break;
        }
        return std::string(samples[0] != 0 && samples[1] != 0 ? "" : "only one era had samples");
    });
    CHECK(seen.exited);
    CHECK(seen.text == "");
}

TEST_CASE("eras are bounded: the last one is not given up, and samples that find no room are counted")
{
    sampled s(most_frames, 0);
    for (std::size_t i = 0; i < 2 * sampler_eras; ++i) {
        s.stays_inside();
        for (int j = 0; j < 4; ++j) {
            s.program.interrupt(1, 0x1000);
            s.turn();
            REQUIRE(s.area.counts().eras <= sampler_eras);
        }
    }
    s.finish();
    CHECK(s.area.counts().eras > 2);
    CHECK(s.area.counts().taken == 8 * sampler_eras);
    CHECK(s.area.counts().lost() == 0);
}

TEST_CASE("what a killed handler has not written to its end is counted as cut off")
{
    sampled s;
    s.program.interrupt(1, 0x1000);
    s.program.head().cursors[published_in(s.program.head().published.load()).buffer].next.fetch_add(1);
    s.finish();
    CHECK(s.seen.clocks == std::vector{1});
    CHECK(s.area.counts().cut_off == 1);
}

TEST_CASE("a sample of a buffer's life before is no sample")
{
    sampled s;
    auto& head = s.program.head();
    const std::uint16_t first = published_in(head.published.load()).buffer;
    s.program.interrupt(1, 0x1000);
    while (s.seen.clocks.empty() || published_in(head.published.load()).buffer != first)
        s.turn();
    head.cursors[first].next.store(1); // reserved, and killed before it was written
    s.finish();
    CHECK(s.seen.clocks == std::vector{1});
    CHECK(s.area.counts().cut_off == 1);
}

TEST_CASE("a sample that finds no room is counted")
{
    sampled s;
    const std::uint32_t slots = s.program.head().slots;
    for (std::uint32_t i = 0; i < slots + 3; ++i)
        s.program.interrupt(1, 0x1000);
    s.finish();
    CHECK(s.area.counts().taken == slots);
    CHECK(s.area.counts().no_room == 3);
    CHECK(s.program.slot_behind(0).generation.load() == 0); // of the next buffer
}

TEST_CASE("callers are found by frame pointers, as many as are asked for")
{
    // A stack that grows down from its end: frames of two words.
    std::vector<std::uintptr_t> stack(64);
    const auto at = [&](std::size_t i) { return reinterpret_cast<std::uintptr_t>(&stack[i]); };
    for (std::size_t i = 0; i + 4 < stack.size(); i += 4) {
        stack[i] = at(i + 4);
        stack[i + 1] = 0x10000 + i;
    }
    sampled s(4);
    s.program.interrupt(1, 0x9999, at(0), at(0));
    s.finish();
    CHECK(s.seen.stacks == std::vector<std::vector<std::uintptr_t>>{{0x9999, 0x10000, 0x10004, 0x10008}});
}

TEST_CASE("a frame pointer that leads astray ends the walk, and does no harm")
{
    auto* const pages = static_cast<std::uintptr_t*>(
        mmap(nullptr, 2 * own::page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    constexpr std::size_t words = own::page_bytes / sizeof(std::uintptr_t);
    munmap(pages + words, own::page_bytes);
    const auto at = [&](std::size_t i) { return reinterpret_cast<std::uintptr_t>(pages + i); };
    pages[0] = at(0); // its own caller
    pages[1] = 0x10000;
    pages[8] = at(2); // above, it must not come back down
    pages[9] = 0x20000;
    pages[16] = at(words + 8); // nothing is mapped there
    pages[17] = 0x30000;
    pages[24] = at(words - 1); // its second word is not
    pages[25] = 0x40000;
    pages[32] = at(40) + 1; // not aligned
    pages[33] = 0x50000;
    for (std::size_t i = 40; i < 44; ++i)
        pages[i] = 0x6060606060606060;
    sampled s;
    for (const std::size_t frame :
         {std::size_t{0}, std::size_t{8}, std::size_t{16}, std::size_t{24}, std::size_t{32}})
        s.program.interrupt(1, 0x9999, at(0), at(frame));
    s.program.interrupt(1, 0x9999, at(4), at(0));               // below the stack
    s.program.interrupt(1, 0x9999, at(0), 8);                   // below the stack
    s.program.interrupt(1, 0x9999, at(0), ~std::uintptr_t{15}); // the kernel's half
    s.finish();
    CHECK(s.seen.stacks == std::vector<std::vector<std::uintptr_t>>{{0x9999, 0x10000},
                                                                    {0x9999, 0x20000},
                                                                    {0x9999, 0x30000},
                                                                    {0x9999, 0x40000},
                                                                    {0x9999, 0x50000},
                                                                    {0x9999},
                                                                    {0x9999},
                                                                    {0x9999}});
    munmap(pages, own::page_bytes);
}

namespace {

/// Pages of a stack, and one behind them that cannot be read.
class made_up_stack {
public:
    explicit made_up_stack(std::size_t pages)
        : bytes_(pages * own::page_bytes), at_(mmap(nullptr, bytes_ + own::page_bytes, PROT_READ | PROT_WRITE,
                                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    {
        mprotect(static_cast<char*>(at_) + bytes_, own::page_bytes, PROT_NONE);
        for (std::size_t i = 0; i < bytes_ / sizeof(std::uintptr_t); ++i)
            static_cast<std::uintptr_t*>(at_)[i] = i;
    }
    ~made_up_stack() { munmap(at_, bytes_ + own::page_bytes); }
    made_up_stack(const made_up_stack&) = delete;
    made_up_stack& operator=(const made_up_stack&) = delete;

    std::uintptr_t below_end(std::size_t bytes) const
    {
        return reinterpret_cast<std::uintptr_t>(at_) + bytes_ - bytes;
    }

private:
    std::size_t bytes_;
    void* at_;
};

} // namespace

TEST_CASE("a stack is copied as far as it can be read, and no further than is asked for")
{
    const made_up_stack stack(3);
    sampled s(most_frames, never_ns, true);
    std::vector<std::vector<std::uintptr_t>> copies;
    for (const std::size_t bytes : {std::size_t{24}, own::page_bytes + 16, 3 * own::page_bytes})
        s.program.interrupt(1, 0x9999, stack.below_end(bytes));
    s.program.interrupt(1, 0x9999, stack.below_end(0)); // none of it can be
    s.program.interrupt(1, 0x9999, 8);
    s.area.known().copy(64);
    s.program.interrupt(1, 0x9999, stack.below_end(3 * own::page_bytes));
    s.area.finish([&](const taken_sample& t) {
        const auto* const words = reinterpret_cast<const std::uintptr_t*>(t.stack.data());
        copies.emplace_back(words, words + t.stack.size() / sizeof *words);
        CHECK(!t.is_known);
    });
    REQUIRE(copies.size() == 6);
    constexpr std::uintptr_t words = 3 * own::page_bytes / sizeof(std::uintptr_t);
    CHECK(copies[0] == std::vector<std::uintptr_t>{words - 3, words - 2, words - 1});
    CHECK(copies[1].size() == (own::page_bytes + 16) / sizeof(std::uintptr_t));
    CHECK(copies[1].back() == words - 1);
    CHECK(copies[2].size() == most_copied / sizeof(std::uintptr_t));
    CHECK(copies[3].empty());
    CHECK(copies[4].empty());
    CHECK(copies[5].size() == 8);
}

TEST_CASE("where a stack is known none is copied, and where there is no room")
{
    const made_up_stack stack(3);
    sampled s(most_frames, never_ns, true);
    s.area.known().learn(0x9999, known_frames::leads::out);
    s.program.interrupt(1, 0x9999, stack.below_end(3 * own::page_bytes));
    const std::size_t fit = s.program.head().copy_room / most_copied;
    for (std::size_t i = 0; i < fit + 3; ++i)
        s.program.interrupt(1, 0x8888, stack.below_end(3 * own::page_bytes));
    unsigned known = 0;
    unsigned copied = 0;
    unsigned without = 0;
    s.area.finish([&](const taken_sample& t) {
        ++(t.is_known ? known : t.stack.empty() ? without : copied);
    });
    CHECK(known == 1);
    CHECK(copied == fit);
    CHECK(without == 3);
    CHECK(s.area.counts().lost() == 0);
}

TEST_CASE("a program that writes nonsense where its samples are is not believed")
{
    const made_up_stack stack(3);
    sampled s(most_frames, never_ns, true);
    for (int i = 0; i < 3; ++i)
        s.program.interrupt(1, 0x9999, stack.below_end(3 * own::page_bytes));
    s.program.slot(0).copied = ~std::uint32_t{0};
    s.program.slot(1).copy_at = s.program.head().copy_room - 8;
    s.finish();
    CHECK(s.area.counts().taken == 1);
    CHECK(s.area.counts().cut_off == 2);
}
