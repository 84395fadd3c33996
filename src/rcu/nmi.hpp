// SPDX-License-Identifier: MIT
//
// Flavor nmi: the word in which nmi_enter and nmi_exit count is the RCU flavor (rcu/nmi_counter.hpp). One locked
// instruction on the thread's own cache line when a section begins, a plain one when it ends, for NMIs, IRQs and
// task-level readers alike; a grace period only looks at the words (rcu/nmi_grace_period.hpp).
//
// A thread that is not registered counts on a line that no updater looks at, so it is unprotected, as with memb and mb.
#pragma once

#include "nmisim/flavor.hpp"
#include "rcu/nmi_platform.hpp"

#include "annotations.hpp" // rcu/annotations_*

namespace nmisim::rcu {

extern hardware_reader unregistered_reader;
extern constinit __thread hardware_reader* this_reader __attribute__((
    tls_model("initial-exec"), visibility("hidden"))); // hidden: no GOT between a reader and its line

/// A BUG, but on the line that threads share which are not registered: what they count is lost now and then.
/// Context: any.
void nested_too_deep(hardware_reader& self) noexcept;

template <class Orders>
struct basic_nmi {
    static constexpr flavor id = flavor::nmi;

    // Context: any, on a registered thread. Progress: wait-free; may wake a waiting updater (futex).
    static void read_lock() noexcept
    {
        hardware_reader& self = *this_reader;
        if ((enter_section<nmi_platform, Orders>(self, reader_offset) & reader_overflow) != 0) [[unlikely]]
            nested_too_deep(self);
    }
    static void read_unlock() noexcept
    {
        section_ends();
        exit_section<nmi_platform, Orders>(*this_reader, reader_offset);
    }

    // The same of an NMI or IRQ, on the count of its vCPU.
    static std::uint64_t enter(vcpu_count& count, std::uint64_t add) noexcept
    {
        return enter_section<nmi_platform, Orders>(static_cast<hardware_reader&>(count), add);
    }
    static void leave(vcpu_count& count, std::uint64_t before, std::uint64_t add) noexcept
    {
        section_ends();
        leave_section<nmi_platform, Orders>(static_cast<hardware_reader&>(count), before, add);
    }
};

struct nmi : basic_nmi<nmi_orders> {};

struct nmi_no_reader_fence : nmi_orders {
    static constexpr bool reader_fence = false;
};
/// Fault no-reader-fence.
struct unfenced_nmi : basic_nmi<nmi_no_reader_fence> {};

} // namespace nmisim::rcu
