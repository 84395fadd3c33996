// SPDX-License-Identifier: MIT
//
// fork() under NMIs: what the documents say a child may do, it does; what it may not do is refused instead of
// waiting for ever for vCPUs that only the parent has.
#include "nmisim/irq.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/nmi_chain.hpp"
#include "support/await.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>
#include <tuple>
#include <unistd.h>

using namespace nmisim;
using nmisim::test::child_result;
using nmisim::test::in_child;

namespace {

nmi_handler count_handler()
{
    return make_nmi_handler([](const pt_regs&, int) noexcept { return 1; });
}

/// A machine under NMIs for as long as it lives.
struct stormy_machine {
    machine m;
    std::atomic<bool> stop{false};
    std::thread raiser;

    explicit stormy_machine(flavor f) : m({.cpus = 2, .rcu = f})
    {
        std::ignore = m.exchange(count_handler());
        raiser = std::thread([this] {
            for (int cpu = 0; !stop; cpu ^= 1)
                m.raise_nmi(cpu);
        });
        // A thread that is still being started may hold locks of a sanitizer's, and the child would inherit them.
        if (!test::eventually([this] { return m.nmi_count(0) > 0 && m.nmi_count(1) > 0; }))
            throw std::runtime_error("no NMI came");
    }
    ~stormy_machine()
    {
        stop = true;
        raiser.join();
    }
};

} // namespace

TEST_CASE("a forked child lets a machine under fire go, and the parent's goes on")
{
    nmi_registration chained; // ends after the machine
    stormy_machine storm(GENERATE(from_range(all_flavors)));
    chained = register_nmi_handler(storm.m, nmi_type::local, count_handler(), 0, "chained");
    for (int i = 0; i < 20; ++i) {
        const child_result child = in_child(20, [&] {
            chained = nmi_registration();
            storm.m.~machine(); // in_child() ends by _exit(): it is not destroyed twice
            return std::string(in_nmi() ? "in NMI" : "gone");
        });
        REQUIRE(child.exited);
        CHECK(child.text == "gone");
    }
    const std::uint64_t before = storm.m.nmi_count(0);
    CHECK(test::eventually([&] { return storm.m.nmi_count(0) > before; }));
    CHECK(storm.m.exchange(count_handler()).old != nullptr);
}

TEST_CASE("a forked child lets an IRQ handler go, and the parent's stays on its line")
{
    machine m({.rcu = GENERATE(from_range(all_flavors)), .irqs = 1});
    irq_registration registered = request_irq(m, 0, count_handler(), 0, "parent's");
    REQUIRE(registered);
    const child_result child = in_child(20, [&] {
        const int said = memfd_create("standard error", 0);
        dup2(said, STDERR_FILENO);
        {
            const irq_registration leaving = std::move(registered);
        }
        return std::to_string(lseek(said, 0, SEEK_END)) + " bytes of complaints";
    });
    CHECK(child.exited);
    CHECK(child.text == "0 bytes of complaints");
    CHECK(registered);
    raise_irq(m, 0, 0);
    CHECK(test::eventually([&] { return irq_count(m, 0, 0) == 1; }));
    CHECK(irq_unhandled(m, 0, 0) == 0);
}

TEST_CASE("a forked child is refused what would wait for the parent's vCPUs")
{
    stormy_machine storm(GENERATE(from_range(all_flavors)));
    const child_result child = in_child(20, [&] {
        std::string saw;
        saw += storm.m.synchronize_rcu() == sync_result::refused_in_child ? "sync refused, " : "sync?, ";
        nmi_handler next = count_handler();
        const nmi_callback* const offered = next.get();
        exchange_result result = storm.m.exchange(std::move(next));
        next = std::move(result.old);
        saw += result.status == sync_result::refused_in_child && next.get() == offered ? "exchange refused, "
                                                                                       : "exchange?, ";
        const nmi_registration r = register_nmi_handler(storm.m, nmi_type::local, std::move(next), 0, "late");
        saw += r.error() == EDEADLK ? "register refused, " : "register?, ";
        saw += storm.m.raise_nmi(0) != raise_result::sent ? "not raised" : "raised?";
        return saw;
    });
    CHECK(child.exited);
    CHECK(child.text == "sync refused, exchange refused, register refused, not raised");
}

TEST_CASE("a forked child runs a machine of its own, of another flavor and on another signal")
{
    stormy_machine storm(flavor::memb);
    const child_result child = in_child(20, [&] {
        machine own({.rcu = flavor::mb, .signal_offset = 5});
        std::ignore = own.exchange(count_handler());
        for (int i = 0; i < 100; ++i) {
            own.raise_nmi(0);
            if (!own.drain(10'000'000'000))
                return std::string("stuck");
        }
        std::ignore = own.exchange(count_handler());
        return std::to_string(own.nmi_count(0));
    });
    CHECK(child.exited);
    CHECK(child.text == "100");
}

TEST_CASE("a forked child takes the parent's NMI signal without harm")
{
    stormy_machine storm(flavor::memb);
    const child_result child = in_child(20, [&] {
        for (int i = 0; i < 1000; ++i) {
            sigval value{};
            sigqueue(getpid(), SIGRTMIN + 1, value);
        }
        return std::string("alive");
    });
    CHECK(child.exited);
    CHECK(child.text == "alive");
}
