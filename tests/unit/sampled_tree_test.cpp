// SPDX-License-Identifier: MIT
//
// The tree of a profiled command, told by records as the kernel writes them. This process stands for the command.
#include "exec/profile/sampled_tree.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include <fcntl.h>
#include <link.h>
#include <unistd.h>

using namespace nmisim::exec;

extern "C" [[gnu::noinline, gnu::used]] int function_of_this_test()
{
    return 42;
}

namespace {

struct told_tree {
    told_tree()
    {
        clock = open("/dev/null", O_RDONLY | O_CLOEXEC); // the next descriptor
        close(clock);
        constexpr std::uint64_t never_ns = std::uint64_t{1} << 62;
        tree.emplace(getpid(), SIGSTKFLT, never_ns, false);
        tree->executed(getpid(), true, generation);
    }
    void map(const std::string& file, std::uintptr_t start, std::uintptr_t bytes)
    {
        tree_event e{};
        e.kind = tree_event::kind::mapped;
        e.pid = e.tid = getpid();
        e.text = file;
        e.start = start;
        e.bytes = bytes;
        tree->note({e}, generation);
    }
    void sample(std::vector<std::uintptr_t> stack)
    {
        tree->add({.generation = generation, .clock = clock, .ip = stack}, known);
    }
    profile_found found()
    {
        profile_found p;
        tree->report(p);
        return p;
    }
    bool has_clock() { return found().without_clock == 0; }

    static constexpr std::uint32_t generation = 1;
    int clock = -1;
    known_frames known;
    std::optional<sampled_tree> tree;
};

std::uint64_t self_in(const profile_found& p, const std::string& object)
{
    std::uint64_t n = 0;
    for (const profiled_function& f : p.functions)
        n += f.object == object ? f.self : 0;
    return n;
}

/// Where in this program's file the function lies.
std::uint64_t file_offset_of(int (*function)())
{
    std::pair<std::uintptr_t, std::uint64_t> at{reinterpret_cast<std::uintptr_t>(function), 0};
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* data) {
            auto& [address, offset] = *static_cast<std::pair<std::uintptr_t, std::uint64_t>*>(data);
            for (int i = 0; i < info->dlpi_phnum; ++i) {
                const auto& p = info->dlpi_phdr[i];
                const std::uintptr_t in = address - info->dlpi_addr - p.p_vaddr;
                if (p.p_type == PT_LOAD && in < p.p_filesz)
                    offset = in + p.p_offset;
            }
            return 0;
        },
        &at);
    return at.second;
}

} // namespace

TEST_CASE("what is mapped over a part of a file leaves the rest to the file")
{
    told_tree t;
    if (!t.has_clock()) {
        WARN("the kernel's CPU clock is refused");
        return;
    }
    std::array<char, 4096> path{};
    REQUIRE(readlink("/proc/self/exe", path.data(), path.size() - 1) > 0);
    const std::string file = path.data();
    const std::string name = file.substr(file.rfind('/') + 1);
    const std::uint64_t function = file_offset_of(function_of_this_test);
    constexpr std::uintptr_t page = 4096;
    const std::uintptr_t at = 0x7000'0000;
    const std::uintptr_t over = at + function / page * page - page; // the page before the function's
    REQUIRE(over > at);
    t.map(file, at, std::uintptr_t{1} << 30);
    t.map("//anon", over, page);
    t.sample({over - 1});
    t.sample({over + 1});
    t.sample({at + function});
    const profile_found p = t.found();
    CHECK(self_in(p, name) == 2);
    CHECK(self_in(p, "[anon]") == 1);
    CHECK(std::any_of(p.functions.begin(), p.functions.end(), [](const profiled_function& f) {
        return f.function == "function_of_this_test" && f.self == 1;
    }));
}

TEST_CASE("a return address at the end of a file is its own: the call lies before it")
{
    told_tree t;
    if (!t.has_clock()) {
        WARN("the kernel's CPU clock is refused");
        return;
    }
    t.map("/calls", 0x10000, 0x1000);
    t.map("/lies behind", 0x11000, 0x1000);
    t.sample({0x10800, 0x11000});
    const profile_found p = t.found();
    REQUIRE(p.functions.size() == 1);
    CHECK(p.functions[0].object == "calls");
}

TEST_CASE("a clock whose thread has another program stays open until its last buffer has been drained")
{
    told_tree t;
    if (!t.has_clock()) {
        WARN("the kernel's CPU clock is refused");
        return;
    }
    t.tree->executed(getpid(), true, told_tree::generation);
    t.tree->close_clocks(told_tree::generation);
    CHECK(fcntl(t.clock, F_GETFD) >= 0); // else its number would mean two programs in one buffer
    t.tree->close_clocks(told_tree::generation + 1);
    CHECK(fcntl(t.clock, F_GETFD) < 0);
}
