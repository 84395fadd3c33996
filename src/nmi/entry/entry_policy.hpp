// SPDX-License-Identifier: MIT
//
// What the faults of the entry path change, as compile-time constants: the dispatcher is instantiated once
// for the correct code and once for each fault, so a fault that is not selected costs no instruction.
#pragma once

namespace nmisim {

struct entry_correct {
    static constexpr bool mark_reader = true; ///< nmi_enter marks the read side, or makes RCU watch (qsbr)
    static constexpr bool use_after_exit = false; ///< looks at the callback after nmi_exit
    static constexpr bool balanced_exit = true;   ///< nmi_exit takes back what nmi_enter added
    static constexpr bool drop_latched = false;   ///< forgets every 64th latched NMI
    static constexpr bool keep_errno = true;
    static constexpr bool fixed_frame = false; ///< nested NMIs share one stack frame
};

struct entry_no_read_lock : entry_correct {
    static constexpr bool mark_reader = false;
};
struct entry_leak_pointer : entry_correct {
    static constexpr bool use_after_exit = true;
};
struct entry_unbalanced_exit : entry_correct {
    static constexpr bool balanced_exit = false;
};
struct entry_drop_latched : entry_correct {
    static constexpr bool drop_latched = true;
};
struct entry_clobber_errno : entry_correct {
    static constexpr bool keep_errno = false;
};

struct entry_nested_stack : entry_correct {
    static constexpr bool fixed_frame = true;
};

/// Which entry a machine installs. `correct` unless a fault is being shown, or NMIs may interrupt NMIs.
enum class entry_kind {
    correct,
    no_read_lock,
    leak_pointer,
    unbalanced_exit,
    drop_latched,
    clobber_errno,
    no_reader_fence, ///< flavors nmi and srcu
    latched,         ///< machine_config::nesting, correct
    nested,          ///< the same
    nested_stack,    ///< nested, with a fault
};

// Where nmi_count(cpu) lives: the two forms of the patch of 2005.
struct count_in_pda {
    static constexpr bool counted_by_exit = true; ///< the store that takes back the depth adds one
    template <class Percpu>
    static void count(Percpu&) noexcept
    {}
};
struct count_in_array {
    static constexpr bool counted_by_exit = false;
    template <class Percpu>
    static void count(Percpu& cpu) noexcept
    {
        cpu.irq_stat->add(1); // ++nmi_count(smp_processor_id())
    }
};

} // namespace nmisim
