// SPDX-License-Identifier: MIT
// A plugin that uses libnmisim-machine; plugin_host.cpp loads and unloads it.
#include <nmisim/machine.hpp>

#include <tuple>

extern "C" int plugin_run();

extern "C" int plugin_run()
{
    nmisim::machine m({.cpus = 1});
    std::ignore =
        m.exchange(nmisim::make_nmi_handler([](const nmisim::pt_regs&, int) noexcept { return 1; }));
    for (int i = 0; i < 100; ++i) {
        m.raise_nmi(0);
        if (!m.drain(10'000'000'000))
            return -1;
    }
    return static_cast<int>(m.nmi_count(0));
}
