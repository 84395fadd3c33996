// SPDX-License-Identifier: MIT
// A sampling profiler of two threads. Its buffer is swapped and freed while the samples keep coming.
#include <nmisim/machine.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <dlfcn.h>
#include <map>
#include <string>
#include <thread>

struct samples : nmisim::nmi_callback { // the handler and its data are one object
    samples() : nmi_callback{take, [](nmi_callback* self) noexcept { delete static_cast<samples*>(self); }} {}
    static int take(nmi_callback& self, const nmisim::pt_regs& regs, int) noexcept // runs in an NMI
    {
        auto& s = static_cast<samples&>(self);
        if (const unsigned i = s.taken.fetch_add(1, std::memory_order_relaxed); i < s.ip.size())
            s.ip[i] = nmisim::instruction_pointer(regs);
        return 1; // handled
    }
    std::atomic<unsigned> taken{0};
    std::array<std::uintptr_t, 4096> ip{};
};

// What is profiled. Not mangled and not inlined, so that the profile can name them.
extern "C" [[gnu::noinline]] void hot()
{
    for (int i = 0; i < 3000; ++i)
        asm volatile("");
}
extern "C" [[gnu::noinline]] void cold()
{
    for (int i = 0; i < 1000; ++i)
        asm volatile("");
}

int main()
{
    nmisim::machine m({.cpus = 2, .custom_workload = [](nmisim::vcpu&) { hot(), cold(); }});
    std::map<std::string, unsigned long> profile;
    unsigned long total = 0;
    const auto collect = [&](nmisim::nmi_handler old) { // no NMI sees `old` any more: read it, let it go
        const auto* const s = static_cast<samples*>(old.get());
        for (unsigned i = 0; s != nullptr && i < s->taken && i < s->ip.size(); ++i, ++total) {
            Dl_info where{};
            dladdr(reinterpret_cast<void*>(s->ip[i]), &where);
            ++profile[where.dli_sname != nullptr ? where.dli_sname : "elsewhere"];
        }
    };
    for (int swap = 0; swap < 100; ++swap) {
        collect(m.exchange(nmisim::nmi_handler(new samples)).old);
        for (int i = 0; i < 20; ++i, std::this_thread::sleep_for(std::chrono::microseconds(100)))
            m.raise_nmi(i % 2);
    }
    m.all_cpus_down(); // every NMI has been taken
    collect(m.exchange(nullptr).old);

    for (const auto& [function, n] : profile)
        std::printf("%5.1f %%  %s\n", 100.0 * static_cast<double>(n) / static_cast<double>(total),
                    function.c_str());
    const unsigned long nmis = m.nmi_count(0) + m.nmi_count(1);
    std::printf("%lu samples of %lu NMIs\n", total, nmis);
    return total > 0 && total == nmis ? 0 : 1;
}
