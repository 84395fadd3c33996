// SPDX-License-Identifier: MIT
//
// Which of flavor memb's readers each entry of the NMI path uses on this kernel: the one that needs membarrier(2), or
// the one that asks for it and fences if there is none. For no_membarrier.py, because liburcu decides when it is
// loaded.
#include "nmi/entry/entry.hpp"
#include "nmi/entry/entry_table.hpp"
#include "rcu/rcu.hpp"

#include <cstdio>

// Of liburcu, whose headers belong to src/rcu. What its inlined readers ask.
extern "C" int urcu_memb_has_sys_membarrier;
extern "C" int urcu_bp_has_sys_membarrier;

using namespace nmisim;

namespace {

struct kind {
    const char* name;
    entry_kind id;
};
constexpr kind all_kinds[]{
    {"correct", entry_kind::correct},           {"no_read_lock", entry_kind::no_read_lock},
    {"leak_pointer", entry_kind::leak_pointer}, {"unbalanced_exit", entry_kind::unbalanced_exit},
    {"drop_latched", entry_kind::drop_latched}, {"clobber_errno", entry_kind::clobber_errno},
    {"latched", entry_kind::latched},           {"nested", entry_kind::nested},
    {"nested_stack", entry_kind::nested_stack}};

const char* told_reader(const nmi_entry& chosen, const nmi_entry& forced)
{
    const int forced_doors = (chosen.exc_nmi == forced.exc_nmi ? 1 : 0) +
                             (chosen.do_nmi == forced.do_nmi ? 1 : 0) +
                             (chosen.exc_irq == forced.exc_irq ? 1 : 0);
    return forced_doors == 3 ? "needs it" : forced_doors == 0 ? "asks for it" : "both";
}

} // namespace

int main()
{
    std::printf("nmi-sim finds membarrier: %s\n", has_membarrier() ? "yes" : "no");
    std::printf("liburcu memb finds membarrier: %s\n", urcu_memb_has_sys_membarrier != 0 ? "yes" : "no");
    std::printf("liburcu bp finds membarrier: %s\n", urcu_bp_has_sys_membarrier != 0 ? "yes" : "no");
    for (const kind& k : all_kinds)
        for (const percpu_form form : all_percpu_forms)
            std::printf(
                "memb %s %s: %s\n", k.name, name_of(form).data(),
                told_reader(nmi_entry_of(flavor::memb, k.id, form), nmi_entry_memb_forced(k.id, form)));
}
