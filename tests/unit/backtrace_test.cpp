// SPDX-License-Identifier: MIT
//
// All-CPU backtraces: which vCPUs are asked, which answer, and what the stacks show.
#include "machine/backtrace/trigger_backtrace.hpp"
#include "machine/backtrace/unwind.hpp"
#include "machine/machine_state.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/looked_run.hpp"
#include "support/text_matcher.hpp"
#include "verify/symbol.hpp"

#include <atomic>
#include <fmt/format.h>
#include <tuple>

using namespace nmisim;
using nmisim::test::in_child;

namespace nmisim::test {

std::atomic<std::uint64_t> turns{0};

// Named, not inlined and exported: a backtrace must find them.
[[gnu::noinline]] void inner_place()
{
    for (int i = 0; i < 1000; ++i)
        turns.fetch_add(1, std::memory_order_relaxed);
}

[[gnu::noinline]] void outer_place()
{
    inner_place();
    turns.fetch_add(1, std::memory_order_relaxed); // no tail call
}

std::atomic<bool> waits{false};

/// Stays until the NMI has served `slot`.
[[gnu::noinline]] void waiting_place(const backtrace_slot& slot)
{
    waits = true;
    while (slot.wanted)
        turns.fetch_add(1, std::memory_order_relaxed);
}

[[gnu::noinline]] void callers_place(const backtrace_slot& slot)
{
    waiting_place(slot);
    turns.fetch_add(1, std::memory_order_relaxed); // no tail call
}

[[gnu::noinline]] void callers_callers_place(const backtrace_slot& slot)
{
    callers_place(slot);
    turns.fetch_add(1, std::memory_order_relaxed); // no tail call
}

/// What those frames were is gone. Not sanitized: a frame of its own would be kept elsewhere, or watched.
__attribute__((no_sanitize("address", "thread"), noinline)) void overwrite_stack()
{
    volatile std::uintptr_t words[1024];
    for (volatile std::uintptr_t& word : words)
        word = 0;
}

} // namespace nmisim::test

namespace {

constexpr bool unwinds = NMISIM_UNWINDS; // tests/unit/meson.build

struct bench {
    explicit bench(int cpus, int deaf = -1) : board(cpus), m(config(cpus))
    {
        std::ignore = m.exchange(make_nmi_handler([this, deaf](const pt_regs& regs, int cpu) noexcept {
            if (cpu != deaf)
                nmi_cpu_backtrace(board, regs, cpu);
            return 1;
        }));
        begun = nmisim::test::eventually([this] {
            for (auto& cpu : internals(m).cpus)
                if (cpu->area().work.read() == 0)
                    return false;
            return true;
        });
    }
    static machine_config config(int cpus)
    {
        machine_config c;
        c.cpus = cpus;
        c.custom_workload = [](vcpu&) { nmisim::test::outer_place(); };
        return c;
    }
    backtrace_board board;
    machine m;
    bool begun = false; ///< every vCPU is past its boot, in its workload
};

std::string in_words(const backtrace_outcome& outcome)
{
    std::string text = fmt::format("busy {} answered", outcome.busy);
    for (const cpu_frames& c : outcome.answered)
        text += fmt::format(" {}", c.cpu);
    text += " unanswered";
    for (const int cpu : outcome.unanswered)
        text += fmt::format(" {}", cpu);
    return text;
}

} // namespace

TEST_CASE("a backtrace of all vCPUs names the function that each executes, and its caller")
{
    const auto child = in_child(60, [] {
        bench b(3);
        std::string text = b.begun ? "" : "no workload ";
        for (const cpu_frames& c : nmi_trigger_cpumask_backtrace(b.m, b.board, {0, 1, 2}).answered) {
            std::string frames;
            for (const std::uintptr_t ip : c.frames)
                frames += symbol_of(ip) + "; ";
            const bool named = frames.find("nmisim::test::outer_place()") != std::string::npos;
            text += fmt::format("{} {} {}; ", c.cpu, named ? "named" : frames, c.frames.size() > 2);
        }
        return text;
    });
    CHECK(child.text == "0 named true; 1 named true; 2 named true; ");
}

TEST_CASE("the callers are found in the copy of a stack that has been overwritten since")
{
    if (!unwinds) {
        WARN("skipped: built without libunwind, a backtrace is the interrupted instruction");
        return;
    }
    const auto child = in_child(60, [] {
        backtrace_board board(1);
        backtrace_slot& slot = board.of[0];
        std::atomic<bool> overwritten{false};
        machine_config c;
        c.cpus = 1;
        c.custom_workload = [&](vcpu&) {
            if (!slot.wanted)
                return;
            nmisim::test::callers_callers_place(slot);
            nmisim::test::overwrite_stack();
            overwritten = true;
        };
        machine m(c);
        std::ignore = m.exchange(make_nmi_handler([&](const pt_regs& regs, int cpu) noexcept {
            nmi_cpu_backtrace(board, regs, cpu);
            return 1;
        }));
        slot.wanted = true;
        std::string text =
            nmisim::test::eventually([] { return nmisim::test::waits.load(); }) ? "" : "never there ";
        m.raise_nmi(0);
        text += nmisim::test::eventually([&] { return overwritten.load(); }) ? "" : "never served ";
        for (const std::uintptr_t ip : unwind(slot.stack)) {
            const std::string name = symbol_of(ip);
            if (name.find("_place(") != std::string::npos)
                text += name.substr(0, name.find('(')) + "; ";
        }
        return text;
    });
    CHECK(child.text == "nmisim::test::waiting_place; nmisim::test::callers_place; "
                        "nmisim::test::callers_callers_place; ");
}

TEST_CASE("who does not answer within the limit is left out, and the others are not")
{
    const auto child = in_child(60, [] {
        bench b(3, 1);
        // Longer where another program has the CPUs: the others are to answer within it.
        std::uint64_t limit_ns = 100'000'000;
        backtrace_outcome outcome;
        do {
            limit_ns *= 2;
            outcome = nmi_trigger_cpumask_backtrace(b.m, b.board, {0, 1, 2}, limit_ns);
        } while (outcome.answered.size() < 2 && limit_ns < 10 * nsec_per_sec);
        return in_words(outcome) + fmt::format(" waited {}", outcome.took_ns >= limit_ns);
    });
    CHECK(child.text == "busy false answered 0 2 unanswered 1 waited true");
}

TEST_CASE("one at a time: a second caller returns and raises nothing")
{
    const auto child = in_child(60, [] {
        bench b(1);
        b.board.busy = true;
        std::string text = in_words(nmi_trigger_cpumask_backtrace(b.m, b.board, {0}));
        text += fmt::format(" raised {}; ", internals(b.m).area(0).line.raised());
        b.board.busy = false;
        return text + in_words(nmi_trigger_cpumask_backtrace(b.m, b.board, {0}));
    });
    CHECK(child.text == "busy true answered unanswered raised 0; busy false answered 0 unanswered");
}

TEST_CASE("an offline vCPU is not asked")
{
    const auto child = in_child(60, [] {
        bench b(2);
        b.m.cpu_down(1);
        return in_words(nmi_trigger_cpumask_backtrace(b.m, b.board, {0, 1}));
    });
    CHECK(child.text == "busy false answered 0 unanswered");
}

TEST_CASE("backtraces during swaps call nothing unsafe, with each flavor")
{
    run_config c;
    c.machine.rcu = GENERATE(from_range(all_flavors));
    c.machine.cpus = 2;
    c.machine.workload = workload::alloc; // interrupts malloc, where an unwinder in the NMI would call it
    c.handler = handler_kind::backtrace;
    c.backtrace_interval_ns = 2'000'000;
    c.swap_interval_ns = 1'000'000;
    c.duration_ns = 300'000'000;
    CAPTURE(name_of(c.machine.rcu));
    const auto child = in_child(60, [&] {
        const run_report r =
            nmisim::test::looked_run(c, [](const run_report& done) { return done.backtrace->asked > 3; });
        std::string frames;
        for (const cpu_backtrace& b : r.backtrace->last)
            for (const std::string& f : b.frames)
                frames += f + "; ";
        const bool named = frames.find("nmisim::alloc_round") != std::string::npos;
        return fmt::format("passed {} asked {} unanswered {} vCPUs {} {}", r.passed(), r.backtrace->asked > 3,
                           r.backtrace->unanswered, r.backtrace->last.size(), named ? "named" : frames);
    });
    CHECK(child.text == "passed true asked true unanswered 0 vCPUs 2 named");
}
