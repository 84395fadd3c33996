// SPDX-License-Identifier: MIT
//
// What NMI and IRQ context check at their end: each comparison alone, in a percpu area that a test writes by hand.
#include "nmi/chain/chain.hpp"
#include "nmi/entry/nesting.hpp"
#include "nmi/handlers/churned_handler.hpp"
#include "nmi/irq/do_irq.hpp"
#include "support/catch2.hpp"

#include <array>
#include <cerrno>
#include <string>

using namespace nmisim;

namespace {

constexpr std::uint32_t irq_level = hardirq_offset;
constexpr std::uint32_t nmi_level = nmi_offset + hardirq_offset; // an NMI counts as an IRQ as well

/// A vCPU without a thread, with one IRQ line.
struct lone_cpu {
    nmi_domain domain;
    irq_cpu irq{1};
    percpu cpu;
    lone_cpu()
    {
        cpu.domain = &domain;
        cpu.irq = &irq;
        cpu.cpunumber = 3;
        cpu.last_generation.set(17);
        irq.last_generation.set(18);
    }
};

/// Looks and failures of all checks of a block, but those with nothing to tell: "nesting 1/0, exactly-once 1/1".
std::string told(const check_block& checks)
{
    std::string text;
    for (std::size_t i = 0; i < check_count; ++i) {
        const check_record& r = checks[static_cast<check>(i)];
        if (r.looked_at() + r.failures() != 0)
            text += (text.empty() ? "" : ", ") + std::string(check_names[i]) + " " +
                    std::to_string(r.looked_at()) + "/" + std::to_string(r.failures());
    }
    return text;
}

void check_first(const check_record& r, std::uint64_t generation, std::uint64_t observed,
                 std::uint64_t expected, const char* what)
{
    REQUIRE(r.failures() > 0);
    CHECK(r.first().cpu == 3);
    CHECK(r.first().generation == generation);
    CHECK(r.first().observed == observed);
    CHECK(r.first().expected == expected);
    CHECK(std::string(r.first().what) == what);
    CHECK(r.first().time_ns != 0);
}

} // namespace

TEST_CASE("after an NMI its depth is what it was, and no NMI was interrupted where NMIs do not nest")
{
    struct depth {
        std::uint32_t before;
        std::uint32_t after;
        bool nmis_nest;
        std::uint64_t failures;
        std::uint32_t mended; ///< preempt_count afterwards
    };
    const auto d = GENERATE(
        depth{0, 0, false, 0, 0}, depth{irq_level, irq_level, false, 0, irq_level},
        depth{0, nmi_level, false, 1, 0}, depth{0, irq_level, false, 1, 0}, depth{0, nmi_offset, false, 1, 0},
        depth{irq_level, 0, false, 1, irq_level},
        depth{irq_level, irq_level + nmi_level, false, 1, irq_level},
        depth{nmi_level, nmi_level, false, 1, irq_level}, depth{nmi_level, nmi_level, true, 0, nmi_level},
        depth{nmi_level, 2 * nmi_level, true, 1, nmi_level}, depth{nmi_level, 0, true, 1, nmi_level},
        depth{0, nmi_level, true, 1, 0}, depth{0, 0, true, 0, 0});
    CAPTURE(d.before, d.after, d.nmis_nest);
    lone_cpu c;
    c.domain.nmis_nest = d.nmis_nest;
    c.cpu.count->set_preempt_count(d.after);
    check_after_nmi(c.cpu, {nullptr}, d.before, nmi_outcome::handled);
    CHECK(told(c.cpu.checks) == "nesting 1/" + std::to_string(d.failures) + ", exactly-once 1/0");
    CHECK(c.cpu.count->preempt_count() == d.mended);
    if (d.failures != 0)
        check_first(c.cpu.checks[check::nesting], 17, (d.after & nmi_mask) / nmi_offset, 0,
                    "NMI depth left behind by nmi_exit");
    CHECK(told(c.irq.checks).empty());
    CHECK(told(c.cpu.task_checks).empty());
}

TEST_CASE("the default action runs exactly once for an NMI that nobody claimed, and for no other")
{
    struct defaults {
        nmi_outcome outcome;
        std::uint32_t run;
        std::uint64_t failures;
    };
    const auto d = GENERATE(defaults{nmi_outcome::handled, 0, 0}, defaults{nmi_outcome::handled, 1, 1},
                            defaults{nmi_outcome::handled, 2, 1}, defaults{nmi_outcome::defaulted, 0, 1},
                            defaults{nmi_outcome::defaulted, 1, 0}, defaults{nmi_outcome::defaulted, 2, 1});
    CAPTURE(d.run);
    lone_cpu c;
    c.cpu.defaults_run = d.run;
    check_after_nmi(c.cpu, {nullptr}, 0, d.outcome);
    CHECK(told(c.cpu.checks) == "nesting 1/0, exactly-once 1/" + std::to_string(d.failures));
    if (d.failures != 0)
        check_first(c.cpu.checks[check::exactly_once], 17, d.run, d.outcome == nmi_outcome::defaulted ? 1 : 0,
                    "default actions run for one NMI");
}

TEST_CASE("one generation of a checked handler runs for one NMI or IRQ, where one is published")
{
    const std::uint32_t run = GENERATE(0u, 1u, 2u);
    const bool expected = GENERATE(false, true);
    const bool in_irq = GENERATE(false, true);
    CAPTURE(run, expected, in_irq);
    lone_cpu c;
    c.domain.expect_one_generation = expected;
    check_block& checks = in_irq ? c.irq.checks : c.cpu.checks;
    if (in_irq) {
        c.irq.generations_run = run;
        check_after_irq(c.cpu, {nullptr}, 0, irq_outcome::handled);
    } else {
        c.cpu.generations_run = run;
        check_after_nmi(c.cpu, {nullptr}, 0, nmi_outcome::handled);
    }
    const bool wrong = expected && run != 1;
    CHECK(told(checks) == std::string("nesting 1/0, exactly-once 1/") + (wrong ? "1" : "0"));
    if (wrong)
        check_first(checks[check::exactly_once], in_irq ? 18 : 17, run, 1,
                    in_irq ? "handler generations run for one IRQ" : "handler generations run for one NMI");
}

TEST_CASE("a generation too many and a default action too many are two failures")
{
    lone_cpu c;
    c.domain.expect_one_generation = true;
    c.cpu.generations_run = 2;
    c.cpu.defaults_run = 1;
    check_after_nmi(c.cpu, {nullptr}, 0, nmi_outcome::handled);
    CHECK(told(c.cpu.checks) == "nesting 1/0, exactly-once 1/2");
}

TEST_CASE("an NMI or IRQ that met its vCPU offline has run nothing, and exactly-once does not look at it")
{
    lone_cpu c;
    c.domain.expect_one_generation = true;
    c.cpu.defaults_run = 1;
    check_after_nmi(c.cpu, {nullptr}, 0, nmi_outcome::offline);
    check_after_irq(c.cpu, {nullptr}, 0, irq_outcome::offline);
    CHECK(told(c.cpu.checks) == "nesting 1/0");
    CHECK(told(c.irq.checks) == "nesting 1/0");
    c.cpu.count->set_preempt_count(nmi_level);
    check_after_nmi(c.cpu, {nullptr}, 0, nmi_outcome::offline);
    CHECK(told(c.cpu.checks) == "nesting 2/1");
}

TEST_CASE("an IRQ interrupts neither an NMI nor an IRQ, and puts its depth back")
{
    struct depth {
        std::uint32_t before;
        std::uint32_t after;
        std::uint64_t failures;
        std::uint64_t observed;
        std::uint64_t expected;
        const char* what;
    };
    const auto d =
        GENERATE(depth{0, 0, 0, 0, 0, ""}, depth{nmi_level, nmi_level, 1, 1, 0, "NMIs interrupted by an IRQ"},
                 depth{2 * nmi_level, 2 * nmi_level, 1, 2, 0, "NMIs interrupted by an IRQ"},
                 depth{irq_level, irq_level, 1, 1, 0, "IRQs interrupted by an IRQ"},
                 depth{2 * irq_level, 2 * irq_level, 1, 2, 0, "IRQs interrupted by an IRQ"},
                 depth{0, irq_level, 1, 1, 0, "IRQ depth left behind by irq_exit"},
                 depth{0, nmi_offset, 1, 0, 0, "IRQ depth left behind by irq_exit"},
                 depth{irq_level, 0, 2, 1, 0, "IRQs interrupted by an IRQ"});
    CAPTURE(d.before, d.after);
    lone_cpu c;
    c.cpu.count->set_preempt_count(d.after);
    check_after_irq(c.cpu, {nullptr}, d.before, irq_outcome::unhandled);
    CHECK(told(c.irq.checks) == "nesting 1/" + std::to_string(d.failures) + ", exactly-once 1/0");
    CHECK(c.cpu.count->preempt_count() == d.before);
    if (d.failures != 0)
        check_first(c.irq.checks[check::nesting], 18, d.observed, d.expected, d.what);
    CHECK(told(c.cpu.checks).empty());
}

TEST_CASE("errno after an NMI or IRQ is what it was before")
{
    const int before = GENERATE(0, ENOTTY);
    const int after = GENERATE(0, ENOTTY);
    const bool in_irq = GENERATE(false, true);
    lone_cpu c;
    (in_irq ? check_irq_errno : check_errno)(c.cpu, {nullptr}, before, after);
    const check_block& own = in_irq ? c.irq.checks : c.cpu.checks;
    CHECK(told(own) == std::string("errno 1/") + (before == after ? "0" : "1"));
    CHECK(told(in_irq ? c.cpu.checks : c.irq.checks).empty());
    if (before != after)
        check_first(own[check::errno_kept], in_irq ? 18 : 17, static_cast<std::uint64_t>(after),
                    static_cast<std::uint64_t>(before),
                    in_irq ? "errno after the IRQ" : "errno after the NMI");
}

TEST_CASE("an NMI's stack frame is its own if both its number and its instruction are")
{
    const std::uint64_t sequence = GENERATE(5u, 6u);
    const std::uintptr_t ip = GENERATE(0x1000u, 0x2000u);
    lone_cpu c;
    check_nmi_frame(c.cpu, {ip, sequence}, {0x1000, 5});
    const bool own = sequence == 5 && ip == 0x1000;
    CHECK(told(c.cpu.checks) == std::string("nesting 1/") + (own ? "0" : "1"));
    if (!own)
        check_first(c.cpu.checks[check::nesting], 17, sequence, 5,
                    "number of the NMI that an NMI's stack frame belongs to (overwritten by a nested one)");
}

namespace {

struct alive_handler : checked_handler {
    alive_handler()
    {
        generation = 7;
        canary = canary_alive;
        data = make_handler_data(7);
    }
};

struct looker {
    const char* name;
    void (*look)(nmi_callback&, percpu&) noexcept;
    const check_block& (*own)(const lone_cpu&);
};
const looker all_lookers[]{
    {"nmi", observe, [](const lone_cpu& c) -> const check_block& { return c.cpu.checks; }},
    {"irq", observe_in_irq, [](const lone_cpu& c) -> const check_block& { return c.irq.checks; }},
    {"task", observe_from_task, [](const lone_cpu& c) -> const check_block& { return c.cpu.task_checks; }}};

const looker& every_looker()
{
    return all_lookers[GENERATE(range(std::size_t{0}, std::size(all_lookers)))];
}

std::string ages(const std::array<counter, 3>& age)
{
    return std::to_string(age[0].read()) + std::to_string(age[1].read()) + std::to_string(age[2].read());
}

} // namespace

TEST_CASE("a handler of age 0 or 1 may be seen, of age 2 or more not, in each context by its own records")
{
    const int age = GENERATE(0, 1, 2, 3, 9);
    const looker& l = every_looker();
    CAPTURE(age, l.name);
    lone_cpu c;
    alive_handler h;
    h.age = age;
    l.look(h, c.cpu);
    const std::string failures = age >= 2 ? "1" : "0";
    CHECK(told(l.own(c)) == "grace-period 1/" + failures + ", publish-order 1/0");
    for (const looker& other : all_lookers)
        if (other.name != l.name)
            CHECK(told(other.own(c)).empty());
    const std::string counted = age == 0 ? "100" : age == 1 ? "010" : "001";
    CHECK(ages(c.cpu.age) == (l.name == std::string("nmi") ? counted : "000"));
    CHECK(ages(c.irq.age) == (l.name == std::string("irq") ? counted : "000"));
    CHECK(c.cpu.last_generation.read() == (l.name == std::string("nmi") ? 7 : 17));
    CHECK(c.irq.last_generation.read() == (l.name == std::string("irq") ? 7 : 18));
    if (age >= 2)
        check_first(l.own(c)[check::grace_period], 7, static_cast<std::uint64_t>(age), 1,
                    "age of the handler seen (2 or more: its grace period had ended)");
}

TEST_CASE("a handler whose data differs in any one word, or in the sum, was seen before it was initialised")
{
    const std::size_t word =
        GENERATE(range(std::size_t{0}, std::tuple_size_v<decltype(handler_data::words)> + 1));
    const looker& l = every_looker();
    CAPTURE(word, l.name);
    lone_cpu c;
    alive_handler h;
    const std::uint64_t right = h.data.sum;
    ++(word < h.data.words.size() ? h.data.words[word] : h.data.sum);
    l.look(h, c.cpu);
    CHECK(told(l.own(c)) == "grace-period 1/0, publish-order 1/1");
    check_first(l.own(c)[check::publish_order], 7, word < h.data.words.size() ? sum_of(h.data) : right,
                h.data.sum, "sum over the handler's data (seen before it was initialised)");
}

TEST_CASE("a reclaimed handler's data is poison, of which the sum says nothing more")
{
    lone_cpu c;
    alive_handler h;
    h.age = 2;
    h.canary = canary_poison;
    h.data.words.fill(canary_poison);
    observe(h, c.cpu);
    CHECK(told(c.cpu.checks) == "grace-period 1/1, publish-order 1/0");
    CHECK(c.cpu.checks[check::grace_period].first().observed == 2); // the age says it first
}

TEST_CASE("a handler that is built and not yet initialised does not pass for one that is")
{
    lone_cpu c;
    checked_handler h;
    h.canary = canary_alive;
    observe(h, c.cpu);
    CHECK(told(c.cpu.checks) == "grace-period 1/0, publish-order 1/1");
}

TEST_CASE("a checked handler counts itself in its own context and claims what it was called for")
{
    lone_cpu c;
    this_cpu = &c.cpu; // as on the vCPU's thread
    alive_handler h;
    const int of_nmi = checked_call(h, {nullptr}, 3);
    const int of_irq = checked_irq_call(h, {nullptr}, 3);
    this_cpu = nullptr;
    CHECK(of_nmi == 1);
    CHECK(of_irq == irq_handled);
    CHECK(c.cpu.generations_run == 1);
    CHECK(c.irq.generations_run == 1);
    CHECK(told(c.cpu.checks) == "grace-period 1/0, publish-order 1/0");
    CHECK(told(c.irq.checks) == "grace-period 1/0, publish-order 1/0");
}

TEST_CASE("a churned handler that is poisoned is seen from an NMI and from a task, each by its own records")
{
    const bool poisoned = GENERATE(false, true);
    lone_cpu c;
    churned_handler churned;
    churned.function = churned_call;
    churned.number = 12;
    churned.canary = poisoned ? canary_poison : canary_alive;
    const std::string failures = poisoned ? "1" : "0";
    this_cpu = &c.cpu;
    const int answer = churned_call(churned, {nullptr}, 3);
    this_cpu = nullptr;
    CHECK(answer == nmi_done);
    CHECK(told(c.cpu.checks) == "grace-period 1/" + failures);

    alive_handler checked;
    nmi_action first, second;
    first.handler = &churned;
    second.handler = &checked;
    const std::array<nmi_action*, 2> actions{&first, &second};
    nmi_chains chains;
    chains.of_type[static_cast<std::size_t>(nmi_type::local)] = actions;
    observe_chain_from_task(chains, c.cpu);
    CHECK(told(c.cpu.task_checks) == "grace-period 2/" + failures + ", publish-order 1/0");
    observe_chain_from_task(checked, c.cpu); // published without a chain
    CHECK(told(c.cpu.task_checks) == "grace-period 3/" + failures + ", publish-order 2/0");
    if (poisoned)
        check_first(c.cpu.checks[check::grace_period], 12, canary_poison, canary_alive,
                    "canary of a chained handler (poisoned: it was unregistered)");
}
