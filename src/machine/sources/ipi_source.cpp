// SPDX-License-Identifier: MIT
#include "machine/sources/ipi_source.hpp"

#include "base/clock.hpp"
#include "nmisim/machine.hpp"

#include <algorithm>

namespace nmisim {
namespace {

int targets(int cpus) noexcept
{
    return std::max(cpus - 1, 1);
}

constexpr int most_at_once = 16; // broadcasts of a vCPU that is behind; the rest waits for its next round

} // namespace

int send_ipi_allbutself(machine& m, int self) noexcept
{
    int sent = 0;
    for (int cpu = 0; cpu < m.cpus(); ++cpu)
        if (cpu != self || m.cpus() == 1) {
            static_cast<void>(m.raise_nmi(cpu)); // whatever becomes of it is in the books
            ++sent;
        }
    return sent;
}

ipi_source::ipi_source(int cpus, double rate_hz)
    : period_ns_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(1e9 * targets(cpus) / rate_hz))),
      senders_(static_cast<std::size_t>(cpus))
{}

void ipi_source::start(machine& m) noexcept
{
    target_.store(&m, std::memory_order_release); // (1) release: the machine is set up; pairs with (2)
}

void ipi_source::stop() noexcept
{
    target_.store(nullptr, std::memory_order_relaxed); // a flag: the machine outlives its vCPUs' rounds
}

void ipi_source::round(int cpu) noexcept
{
    machine* const m = target_.load(std::memory_order_acquire); // (2) acquire: the machine; pairs with (1)
    if (m == nullptr)
        return;
    sender& own = senders_[static_cast<std::size_t>(cpu)];
    const std::uint64_t at_ns = now_ns();
    if (own.next_ns == 0)
        own.next_ns =
            at_ns + stagger_ns(static_cast<double>(period_ns_), cpu, static_cast<int>(senders_.size()));
    for (int i = 0; i < most_at_once && own.next_ns <= at_ns; ++i, own.next_ns += period_ns_) {
        own.requested.add(static_cast<std::uint64_t>(targets(m->cpus())));
        own.raised.add(static_cast<std::uint64_t>(send_ipi_allbutself(*m, cpu)));
    }
}

std::uint64_t ipi_source::sum(counter sender::*of) const noexcept
{
    std::uint64_t n = 0;
    for (const sender& s : senders_)
        n += (s.*of).read();
    return n;
}

} // namespace nmisim
