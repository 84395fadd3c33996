// SPDX-License-Identifier: MIT
//
// What a window can leave out. The names are those of the faults of a checked run (`nmi-sim list faults`), for
// the faults that are a matter of order or protection and so can be found at an instruction; a test of the
// program keeps the two lists together.
#pragma once

#include "nmisim/flavor.hpp"

#include <array>
#include <string_view>

namespace nmisim::explore {

enum class flaw {
    none,
    no_grace_period,
    no_read_lock,
    leak_pointer,
    rcu_not_watching,
    publish_before_init,
    plain_publish,
    drop_latched,
    unbalanced_exit,
    nested_stack,
    unset_then_set,
    add_then_remove,
    clobber_errno,
    malloc_in_nmi,
    lock_in_nmi,
};

struct flaw_info {
    flaw id;
    std::string_view name;
    std::string_view window; ///< that finds it
};
inline constexpr std::array all_flaws{
    flaw_info{flaw::no_grace_period, "no-grace-period", "do_nmi-map"},
    flaw_info{flaw::no_read_lock, "no-read-lock", "do_nmi-map"},
    flaw_info{flaw::leak_pointer, "leak-pointer", "do_nmi-map"},
    flaw_info{flaw::rcu_not_watching, "rcu-not-watching", "do_nmi-map"},
    flaw_info{flaw::publish_before_init, "publish-before-init", "publish"},
    flaw_info{flaw::plain_publish, "plain-publish", "publish"},
    flaw_info{flaw::drop_latched, "drop-latched", "synchronize_rcu"},
    flaw_info{flaw::unbalanced_exit, "unbalanced-exit", "read"},
    flaw_info{flaw::nested_stack, "nested-stack", "exc_nmi"},
    flaw_info{flaw::unset_then_set, "unset-then-set", "exchange"},
    flaw_info{flaw::add_then_remove, "add-then-remove", "exchange"},
    flaw_info{flaw::clobber_errno, "clobber-errno", "read"},
    flaw_info{flaw::malloc_in_nmi, "malloc-in-nmi", "audit"},
    flaw_info{flaw::lock_in_nmi, "lock-in-nmi", "audit"},
};

constexpr std::string_view name_of(flaw f) noexcept
{
    for (const flaw_info& i : all_flaws)
        if (i.id == f)
            return i.name;
    return "none";
}

/// Why it cannot be shown, or an empty text.
std::string_view not_applicable(flaw f, flavor with) noexcept;

} // namespace nmisim::explore
