// SPDX-License-Identifier: MIT
//
// The shortest read-side section: enter, dereference, use, leave. One per flavor, in a translation unit of its
// own, inlined as do_nmi inlines it, so that its two ends can be compared with a disassembly of the binary.
#pragma once

#include "nmi/context_tracking.hpp"
#include "nmi/handlers/checked_handler.hpp"
#include "nmisim/rcu_pointer.hpp"

namespace nmisim::explore {

template <class Rcu>
[[gnu::always_inline]] inline void read_section() noexcept
{
    percpu& self = *this_cpu;
    const auto mark = interrupt_reader<Rcu>::enter(self, reader_offset);
    observe_from_task(*rcu_dereference(self.domain->callback), self);
    interrupt_reader<Rcu>::exit(self, mark, -std::uint64_t{reader_offset});
}

// Context: vcpu thread.
void read_section_memb() noexcept;
void read_section_mb() noexcept;
void read_section_bp() noexcept;
void read_section_qsbr() noexcept;
void read_section_nmi() noexcept;
void read_section_srcu() noexcept;

} // namespace nmisim::explore
