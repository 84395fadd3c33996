// SPDX-License-Identifier: MIT
//
// What the sampler sees of a stack: frame pointers, and the copy.
#include "support/child.hpp"
#include "support/sampled_area.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace nmisim::exec;

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
    s.program.interrupt(1, 0x9999,
                        0); // where the kernel takes no address, and so does not say that it cannot be read
    s.area.known().copy(64);
    s.program.interrupt(1, 0x9999, stack.below_end(3 * own::page_bytes));
    s.area.known().copy(3 * most_copied); // as a program may write there
    s.program.interrupt(1, 0x9999, stack.below_end(3 * own::page_bytes));
    s.area.finish([&](const taken_sample& t) {
        const auto* const words = reinterpret_cast<const std::uintptr_t*>(t.stack.data());
        copies.emplace_back(words, words + t.stack.size() / sizeof *words);
        CHECK(!t.is_known);
    });
    REQUIRE(copies.size() == 8);
    constexpr std::uintptr_t words = 3 * own::page_bytes / sizeof(std::uintptr_t);
    CHECK(copies[0] == std::vector<std::uintptr_t>{words - 3, words - 2, words - 1});
    CHECK(copies[1].size() == (own::page_bytes + 16) / sizeof(std::uintptr_t));
    CHECK(copies[1].back() == words - 1);
    CHECK(copies[2].size() == most_copied / sizeof(std::uintptr_t));
    CHECK(copies[3].empty());
    CHECK(copies[4].empty());
    CHECK(copies[5].empty());
    CHECK(copies[6].size() == 8);
    CHECK(copies[7].size() == most_copied / sizeof(std::uintptr_t));
}

TEST_CASE("a handler on the interrupted stack asks for the page of a stack pointer that is at its end")
{
    const auto seen = nmisim::test::in_child(60, [] {
        const made_up_stack stack(16);
        const stack_t handlers{reinterpret_cast<void*>(stack.below_end(16 * own::page_bytes)), 0,
                               16 * own::page_bytes};
        sigaltstack(&handlers, nullptr);
        static sampled s(most_frames, never_ns, true);
        static const std::uintptr_t end = stack.below_end(0);
        struct sigaction action {};
        action.sa_flags = SA_ONSTACK;
        action.sa_handler = [](int) { s.program.interrupt(1, 0x9999, end); };
        sigaction(SIGUSR1, &action, nullptr);
        raise(SIGUSR1);
        std::size_t bytes = 1;
        s.area.finish([&](const taken_sample& t) { bytes = t.stack.size(); });
        return fmt::format("{} bytes", bytes);
    });
    CHECK(seen.exited);
    CHECK(seen.text == "0 bytes");
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
