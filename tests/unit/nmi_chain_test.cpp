// SPDX-License-Identifier: MIT
//
// Handler chains and the dispatch order of today's kernels, one rule at a time. do_nmi is called by hand with a
// made-up interrupted address, so that every test is a sequential program.
#include "nmisim/nmi_chain.hpp"

#include "base/message_line.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"
#include "support/text_matcher.hpp"

#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::eventually;
using nmisim::test::in_child;
using nmisim::test::nmi_at;

namespace {

constexpr std::uint64_t second = nsec_per_sec;

/// A machine of one vCPU that takes forged NMIs.
struct bench {
    test::on_vcpu cpu;
    machine m;
    explicit bench(flavor f = flavor::memb) : m(config(f, cpu)) {}
    static machine_config config(flavor f, test::on_vcpu& cpu)
    {
        machine_config c;
        c.rcu = f;
        c.custom_workload = cpu.workload();
        c.message = write_to_standard_error;
        return c;
    }
    void nmi(std::uintptr_t ip)
    {
        cpu.run([&] { nmi_at(m, ip); });
    }
    percpu& area() { return internals(m).area(0); }
};

/// A handler that appends its letter to `log` and gives an answer.
auto letter(std::string& log, char c, int answer = nmi_done)
{
    return [&log, c, answer](const pt_regs&, int) noexcept {
        log.push_back(c); // short: no allocation
        return answer;
    };
}

} // namespace

TEST_CASE(
    "every handler of a chain is called, also behind one that claimed the NMI, and the answers are summed")
{
    bench b(GENERATE(from_range(all_flavors)));
    std::string log;
    const auto one = register_nmi_handler(b.m, nmi_type::local, letter(log, 'a', 1), 0, "a");
    const auto none = register_nmi_handler(b.m, nmi_type::local, letter(log, 'b', 0), 0, "b");
    const auto two = register_nmi_handler(b.m, nmi_type::local, letter(log, 'c', 2), 0, "c");
    b.nmi(0x1000);
    CHECK(log == "abc");
    CHECK(b.area().stats.normal.read() == 3); // the sum of what was served
    CHECK(nmi_normal_of(b.area()) == 3);
    CHECK(b.area().stats.swallow_nmi);
}

TEST_CASE("a handler registered FIRST is called before those that came earlier")
{
    bench b;
    std::string log;
    const auto a = register_nmi_handler(b.m, nmi_type::local, letter(log, 'a'), 0, "a");
    const auto c = register_nmi_handler(b.m, nmi_type::local, letter(log, 'b'), 0, "b");
    const auto f = register_nmi_handler(b.m, nmi_type::local, letter(log, 'f', 1), nmi_flag_first, "f");
    b.nmi(0x1000);
    CHECK(log == "fab");
}

TEST_CASE("LOCAL comes before the reason byte, SERR before IO_CHECK, and UNKNOWN last")
{
    bench b;
    std::string log;
    int local_answer = 1;
    const auto local = register_nmi_handler(
        b.m, nmi_type::local,
        [&](const pt_regs&, int) noexcept {
            log.push_back('l');
            return local_answer;
        },
        0, "local");
    const auto serr = register_nmi_handler(b.m, nmi_type::serr, letter(log, 's', 1), 0, "serr");
    const auto io = register_nmi_handler(b.m, nmi_type::io_check, letter(log, 'i', 1), 0, "io");
    const auto unknown = register_nmi_handler(b.m, nmi_type::unknown, letter(log, 'u', 1), 0, "unknown");
    b.m.set_reason(0xc0);
    b.nmi(0x1000);
    CHECK(log == "l"); // claimed: nothing else is asked
    local_answer = 0;
    b.nmi(0x2000);
    CHECK(log == "lls");
    b.nmi(0x3000);
    CHECK(log == "llsli");
    b.nmi(0x4000);
    CHECK(log == "llslilu");
    CHECK(b.area().external.read() == 2);
    CHECK(b.area().unknown.read() == 1);
    CHECK(b.area().stats.normal.read() == 1);
    CHECK(b.area().stats.defaults.read() == 0);
}

TEST_CASE("what no chain claims goes to the default action, once, with the reason that was taken")
{
    const auto child = in_child(20, [] {
        bench b;
        const auto none = register_nmi_handler(
            b.m, nmi_type::local, [](const pt_regs&, int) noexcept { return nmi_done; }, 0, "none");
        b.m.set_reason(0x80);
        b.nmi(0x1000);
        const std::string after_serr =
            std::to_string(b.area().external.read()) + " " + std::to_string(b.area().unknown.read()) + ", ";
        b.nmi(0x2000);
        return after_serr + std::to_string(b.area().external.read()) + " " +
               std::to_string(b.area().unknown.read()) + ", " + std::to_string(nmi_normal_of(b.area()));
    });
    CHECK(child.text == "1 0, 1 1, 0");
}

TEST_CASE("an event that comes while a chain declines the one before is not taken off with it")
{
    const auto child = in_child(20, [] {
        bench b;
        const auto serr = register_nmi_handler(
            b.m, nmi_type::serr,
            [&b](const pt_regs&, int) noexcept {
                if (b.area().external.read() == 0)
                    b.m.set_reason(0x80);
                return nmi_done;
            },
            0, "serr");
        b.m.set_reason(0x80);
        b.nmi(0x1000);
        b.nmi(0x2000);
        return std::to_string(b.area().external.read()) + " " + std::to_string(b.area().unknown.read());
    });
    CHECK(child.text == "2 0");
}

TEST_CASE("an unknown NMI is swallowed only back-to-back behind one that served more than one event")
{
    const auto child = in_child(20, [] {
        bench b;
        int answer = 2;
        const auto perf = register_nmi_handler(
            b.m, nmi_type::local, [&](const pt_regs&, int) noexcept { return std::exchange(answer, 0); }, 0,
            "PMI");
        const auto books = [&] {
            return std::to_string(b.area().stats.swallow.read()) + "/" +
                   std::to_string(b.area().unknown.read()) + " ";
        };
        std::string text;
        b.nmi(0x1000), b.nmi(0x1000), text += books(); // two served, same ip: swallowed
        answer = 2;
        b.nmi(0x1000), b.nmi(0x2000), text += books(); // another ip: something ran between
        b.nmi(0x2000), text += books();                // and the flag is gone then
        answer = 1;
        b.nmi(0x3000), b.nmi(0x3000), text += books(); // one served: nothing can be left over
        answer = 2;
        b.nmi(0x4000);
        b.cpu.run([] { local_touch_nmi(); });
        b.nmi(0x4000), text += books(); // touched: same ip, but no second half
        return text;
    });
    CHECK(child.text == "1/0 1/1 1/2 1/3 1/4 ");
}

TEST_CASE("a handler is on one chain once: a second registration is refused")
{
    const auto child = in_child(20, [] {
        bench b;
        static int calls = 0;
        nmi_callback handler{[](nmi_callback&, const pt_regs&, int) noexcept { return ++calls, 1; }};
        auto first = register_nmi_handler(b.m, nmi_type::local, handler, 0, "twin");
        auto twin = register_nmi_handler(b.m, nmi_type::unknown, handler, 0, "twin");
        b.nmi(0x1000);
        std::string text = std::to_string(bool(first)) + std::to_string(bool(twin)) + " " +
                           std::to_string(twin.error() == EINVAL) + " " + std::to_string(calls);
        first.unregister();
        auto again = register_nmi_handler(b.m, nmi_type::unknown, handler, 0, "twin");
        return text + " " + std::to_string(bool(again));
    });
    CHECK(child.text == "10 1 1 1");
}

TEST_CASE("a null handler is refused with EINVAL, on an empty chain and on one with handlers")
{
    const auto child = in_child(20, [] {
        bench b;
        std::string log;
        const auto refused = [&] {
            const auto null = register_nmi_handler(b.m, nmi_type::local, nmi_handler(), 0, "null");
            return !null && null.error() == EINVAL ? "r" : "?";
        };
        log += refused();
        const auto a = register_nmi_handler(b.m, nmi_type::local, letter(log, 'a', 1), 0, "a");
        log += refused();
        b.nmi(0x1000);
        return log;
    });
    CHECK(child.text == "rra");
}

TEST_CASE("a second handler on SERR or IO_CHECK is taken with a warning, on the other chains without")
{
    const auto child = in_child(20, [] {
        int fds[2];
        if (pipe(fds) != 0)
            throw std::runtime_error("pipe");
        dup2(fds[1], STDERR_FILENO);
        bench b;
        std::string log;
        for (const nmi_type type : all_nmi_types) {
            const std::string name(name_of(type));
            const auto first = register_nmi_handler(b.m, type, letter(log, '1'), 0, "first " + name);
            const auto other = register_nmi_handler(b.m, type, letter(log, '2', 1), 0, "second " + name);
            b.m.set_reason(type == nmi_type::serr ? 0x80 : type == nmi_type::io_check ? 0x40 : 0);
            b.nmi(0x1000);
            log += first && other ? ' ' : '?';
        }
        char text[4096];
        close(fds[1]), close(STDERR_FILENO);
        const ssize_t n = read(fds[0], text, sizeof text);
        return log + "\n" + std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    });
    CHECK(child.text ==
          "12 12 12 12 \n"
          "nmi-sim: WARNING: second handler on a chain that is meant for one (second serr)\n"
          "nmi-sim: WARNING: second handler on a chain that is meant for one (second io_check)\n");
}

TEST_CASE("unregistering returns only after the NMI that runs the handler has ended")
{
    machine_config config;
    config.rcu = GENERATE(from_range(all_flavors));
    machine m(config);
    std::atomic<bool> inside{false}, leave{false}, unregistered{false};
    auto token = register_nmi_handler(
        m, nmi_type::local,
        [&](const pt_regs&, int) noexcept {
            inside = true;
            while (!leave) {
            }
            return 1;
        },
        0, "slow");
    m.raise_nmi(0);
    REQUIRE(eventually([&] { return inside.load(); }));
    std::thread control([&] {
        token.unregister();
        unregistered = true;
    });
    REQUIRE(eventually([&] { return internals(m).all_waits_begun() > internals(m).all_waits_ended(); }));
    CHECK_FALSE(unregistered);
    leave = true;
    control.join();
    CHECK_FALSE(token);
    REQUIRE(m.drain(10 * second));
}

TEST_CASE("registering and unregistering in NMI context are refused, and the handler stays")
{
    const auto child = in_child(20, [] {
        bench b;
        int calls = 0;
        auto token = register_nmi_handler(
            b.m, nmi_type::local, [&](const pt_regs&, int) noexcept { return ++calls, 1; }, 0, "stays");
        sync_result result = sync_result::done;
        int error = 0;
        nmi_callback other{[](nmi_callback&, const pt_regs&, int) noexcept { return 0; }};
        auto bad = register_nmi_handler(
            b.m, nmi_type::local,
            [&](const pt_regs&, int) noexcept {
                result = token.unregister();
                error = register_nmi_handler(b.m, nmi_type::local, other, 0, "other").error();
                return 0;
            },
            0, "bad");
        b.nmi(0x1000);
        b.nmi(0x2000);
        return std::to_string(result == sync_result::refused_in_interrupt) + " " +
               std::to_string(error == EDEADLK) + " " + std::to_string(bool(token)) + " " +
               std::to_string(calls);
    });
    CHECK(child.exited);
    CHECK(child.text == "1 1 1 2");
}

TEST_CASE("the end of a registration's life unregisters, and a registration may outlive its machine")
{
    auto b = std::make_unique<bench>();
    std::string log;
    nmi_registration kept;
    {
        const auto gone = register_nmi_handler(b->m, nmi_type::local, letter(log, 'g', 1), 0, "gone");
        kept = register_nmi_handler(b->m, nmi_type::local, letter(log, 'k', 1), 0, "kept");
    }
    b->nmi(0x1000);
    CHECK(log == "k");
    b.reset();
    CHECK(kept.unregister() == sync_result::done);
}

TEST_CASE("replacing a handler keeps its place on the chain and hands the old one back")
{
    bench b;
    std::string log;
    auto a = register_nmi_handler(b.m, nmi_type::local, letter(log, 'a'), 0, "a");
    const auto z = register_nmi_handler(b.m, nmi_type::local, letter(log, 'z', 1), 0, "z");
    const nmi_handler old = a.replace(make_nmi_handler(letter(log, 'A')));
    CHECK(old != nullptr);
    b.nmi(0x1000);
    CHECK(log == "Az");
}

TEST_CASE("an emergency handler can be set inside an NMI, and replaces the whole chain while it is set")
{
    bench b;
    static int emergencies;
    emergencies = 0;
    int calls = 0;
    const auto setter = register_nmi_handler(
        b.m, nmi_type::local,
        [&](const pt_regs&, int) noexcept {
            ++calls;
            set_emergency_nmi_handler(b.m, nmi_type::local,
                                      [](nmi_type, const pt_regs&) noexcept { return ++emergencies, 1; });
            return 1;
        },
        0, "setter");
    b.nmi(0x1000);
    b.nmi(0x2000);
    CHECK(calls == 1);
    CHECK(emergencies == 1);
    set_emergency_nmi_handler(b.m, nmi_type::local, nullptr);
    b.nmi(0x3000);
    CHECK(calls == 2);
}

TEST_CASE("an emergency handler works on a machine without any registration")
{
    bench b;
    static int emergencies;
    emergencies = 0;
    set_emergency_nmi_handler(b.m, nmi_type::local,
                              [](nmi_type, const pt_regs&) noexcept { return ++emergencies, 1; });
    b.nmi(0x1000);
    CHECK(emergencies == 1);
}

TEST_CASE("between stop_nmi and restart_nmi NMIs are counted and nothing else")
{
    bench b;
    std::string log;
    const auto a = register_nmi_handler(b.m, nmi_type::local, letter(log, 'a', 1), 0, "a");
    stop_nmi(b.m), stop_nmi(b.m);
    restart_nmi(b.m);
    b.nmi(0x1000);
    CHECK(log.empty());
    CHECK(b.m.nmi_count(0) == 1);
    CHECK(b.area().stats.ignored.read() == 1);
    restart_nmi(b.m);
    b.nmi(0x2000);
    CHECK(log == "a");
}

TEST_CASE("a chained handler that takes longer than ever is on record, a shorter one is not")
{
    const auto child = in_child(20, [] {
        bench b;
        std::uint64_t hold_ns = 0;
        const auto slow = register_nmi_handler(
            b.m, nmi_type::local, [&](const pt_regs&, int) noexcept { return spin_for(hold_ns), 1; }, 0,
            "slow");
        set_nmi_longest_ns(b.m, 1'000'000'000);
        hold_ns = 2'000'000, b.nmi(0x1000);
        std::string text = std::to_string(slow.max_duration_ns() == 0); // below nmi_longest_ns
        set_nmi_longest_ns(b.m, 1'000'000);
        b.nmi(0x2000);
        const std::uint64_t first = slow.max_duration_ns();
        text += std::to_string(first >= 2'000'000) + std::to_string(slow.max_duration_cpu_ns() > 0) +
                std::to_string(slow.max_duration_cpu_ns() <= first);
        hold_ns = 40'000'000, b.nmi(0x3000);
        const std::uint64_t second_record = slow.max_duration_ns();
        hold_ns = 2'000'000, b.nmi(0x4000);
        // Preemption can make the short call a longer one; its CPU time is short then.
        const bool longer = slow.max_duration_ns() > second_record && slow.max_duration_cpu_ns() < 40'000'000;
        const bool kept = slow.max_duration_ns() == second_record || longer;
        return text + std::to_string(second_record >= 40'000'000) + std::to_string(kept);
    });
    CHECK(child.text == "111111");
}

TEST_CASE("only a handler's new record is said, not every call that takes too long")
{
    const auto child = in_child(20, [] {
        bench b;
        std::uint64_t hold_ns = 0;
        const auto slow = register_nmi_handler(
            b.m, nmi_type::local, [&](const pt_regs&, int) noexcept { return spin_for(hold_ns), 1; }, 0,
            "slow");
        set_nmi_longest_ns(b.m, 1'000'000);
        int fds[2];
        if (pipe2(fds, O_NONBLOCK) != 0)
            throw std::runtime_error("pipe");
        dup2(fds[1], STDERR_FILENO);
        std::string text;
        for (const std::uint64_t ns : {40'000'000, 2'000'000, 80'000'000}) {
            internals(b.m).domain.last_duration_report_ns = 0; // as if the last message were long ago
            hold_ns = ns;
            const std::uint64_t before = slow.max_duration_ns();
            b.nmi(0x1000);
            const bool is_record = slow.max_duration_ns() > before; // preemption can make a short call one
            char line[256];
            const bool said = read(fds[0], line, sizeof line) > 0;
            text += said == is_record ? "right " : said ? "said " : "silent ";
        }
        return text;
    });
    CHECK(child.text == "right right right ");
}

TEST_CASE("a callback published without chains is counted as normal unless the default action ran")
{
    bench b;
    std::atomic<int> answer{1};
    std::ignore = b.m.exchange(make_nmi_handler([&](const pt_regs&, int) noexcept { return answer.load(); }));
    b.nmi(0x1000), b.nmi(0x1000);
    answer = 0;
    b.m.set_reason(0x40);
    b.nmi(0x2000);
    CHECK(nmi_normal_of(b.area()) == 2);
    CHECK(b.area().external.read() == 1);
}
