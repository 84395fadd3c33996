// SPDX-License-Identifier: MIT
#include "machine/sources/nmi_source.hpp"

#include "base/clock.hpp"
#include "nmisim/machine.hpp"

namespace nmisim {

bool flush_sources(machine& m, std::uint64_t timeout_ns)
{
    const std::uint64_t deadline_ns = now_ns() + timeout_ns;
    if (!m.drain(timeout_ns)) // nothing is pending then, and the next raise waits after the sources' signals
        return false;
    for (int cpu = 0; cpu < m.cpus(); ++cpu)
        while (m.cpu_online(cpu) && m.raise_nmi(cpu) == raise_result::rejected) { // the user's queue is full
            if (now_ns() >= deadline_ns)
                return false;
            sleep_for(1'000'000);
        }
    return m.drain(timeout_ns);
}

} // namespace nmisim
