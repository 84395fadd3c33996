// SPDX-License-Identifier: MIT
#include "machine/sources/irq_source.hpp"

#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"

namespace nmisim {

void irq_source::start()
{
    thread_.start("irq source", "the thread that raises IRQs", [this] {
        keep_time(internals(machine_).config);
        const std::uint64_t start_ns = now_ns();
        double due_ns = 0;
        while (thread_.wait_until(start_ns + static_cast<std::uint64_t>(due_ns))) {
            for (auto& cpu : internals(machine_).cpus)
                for (irq_line& irq : cpu->area().irq->lines)
                    raise_on(irq.line);
            due_ns += period_ns_;
        }
    });
}

} // namespace nmisim
