// SPDX-License-Identifier: MIT
//
// All-CPU backtraces: who is asked, who answers, and what the stacks say.
#include "machine/machine_state.hpp"
#include "machine/trigger_backtrace.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/text_matcher.hpp"
#include "verify/run.hpp"
#include "verify/symbol.hpp"

#include <atomic>
#include <fmt/format.h>

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

} // namespace nmisim::test

namespace {

struct bench {
    explicit bench(int cpus, int deaf = -1) : board(cpus), m(config(cpus))
    {
        m.exchange(make_nmi_handler([this, deaf](const pt_regs& regs, int cpu) noexcept {
            if (cpu != deaf)
                nmi_cpu_backtrace(board, regs, cpu);
            return 1;
        }));
        begun = nmisim::test::eventually([this] {
            for (auto& cpu : m.internals().cpus)
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

TEST_CASE("who does not answer within the limit is left out, and the others are not")
{
    const auto child = in_child(60, [] {
        bench b(3, 1);
        const auto outcome = nmi_trigger_cpumask_backtrace(b.m, b.board, {0, 1, 2}, 300'000'000);
        return in_words(outcome) + fmt::format(" waited {}", outcome.took_ns >= 300'000'000);
    });
    CHECK(child.text == "busy false answered 0 2 unanswered 1 waited true");
}

TEST_CASE("one at a time: a second caller returns and raises nothing")
{
    const auto child = in_child(60, [] {
        bench b(1);
        b.board.busy = true;
        std::string text = in_words(nmi_trigger_cpumask_backtrace(b.m, b.board, {0}));
        text += fmt::format(" raised {}; ", b.m.internals().area(0).line.raised.load());
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
        const run_report r = run(c);
        std::string frames;
        for (const cpu_backtrace& b : r.backtrace->last)
            for (const std::string& f : b.frames)
                frames += f + "; ";
        const bool named = frames.find("nmisim::workload_round") != std::string::npos;
        return fmt::format("passed {} asked {} unanswered {} vCPUs {} {}", r.passed(), r.backtrace->asked > 3,
                           r.backtrace->unanswered, r.backtrace->last.size(), named ? "named" : frames);
    });
    CHECK(child.text == "passed true asked true unanswered 0 vCPUs 2 named");
}
