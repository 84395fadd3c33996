// SPDX-License-Identifier: MIT
//
// The recipe of Documentation/RCU/NMI-RCU, step by step: a handler with data is set, then removed by
// unset_nmi_callback(), synchronize_rcu(), free. Built and run as a test.
#include <nmisim/machine.hpp>

#include <atomic>
#include <cstdio>

namespace {

struct profile : nmisim::nmi_callback {
    std::atomic<unsigned long> samples{0};
};

int profile_nmi(nmisim::nmi_callback& self, const nmisim::pt_regs&, int) noexcept
{
    static_cast<profile&>(self).samples.fetch_add(1, std::memory_order_relaxed);
    return 1; // handled: the default action does not run
}

} // namespace

int main()
{
    nmisim::machine m({.cpus = 2});
    auto* data = new profile{{profile_nmi}};
    m.set_nmi_callback(*data);
    for (int i = 0; i < 1000; ++i) {
        m.raise_nmi(i % 2);
        // Otherwise the next raise may meet a pending NMI and coalesce.
        if (!m.drain(10'000'000'000))
            return 1;
    }
    const unsigned long samples = data->samples.load(std::memory_order_relaxed);

    m.unset_nmi_callback(); // no new NMI finds the handler
    m.synchronize_rcu();    // NMIs that had found it have ended
    delete data;            // so nobody can be using it

    std::printf("%lu samples, %lu NMIs\n", samples,
                static_cast<unsigned long>(m.nmi_count(0) + m.nmi_count(1)));
    return samples != 0 && samples == m.nmi_count(0) + m.nmi_count(1) ? 0 : 1;
}
