// SPDX-License-Identifier: MIT
//
// Which entry a machine gets: exactly that of its flavor, kind and place of the count.
#include "nmi/entry/entry.hpp"
#include "nmi/entry/entry_table.hpp"
#include "rcu/rcu.hpp"
#include "support/catch2.hpp"

#include <array>
#include <set>
#include <string>

using namespace nmisim;

namespace {

constexpr std::array all_kinds{
    entry_kind::correct,         entry_kind::no_read_lock, entry_kind::leak_pointer,
    entry_kind::unbalanced_exit, entry_kind::drop_latched, entry_kind::clobber_errno,
    entry_kind::latched,         entry_kind::nested,       entry_kind::nested_stack};

nmi_entry own_entry(flavor f, entry_kind kind, percpu_form form)
{
    switch (f) {
    case flavor::memb: return nmi_entry_memb(kind, form);
    case flavor::mb: return nmi_entry_mb(kind, form);
    case flavor::bp: return nmi_entry_bp(kind, form);
    case flavor::qsbr: return nmi_entry_qsbr(kind, form);
    case flavor::nmi: return nmi_entry_nmi(kind, form);
    case flavor::srcu: return nmi_entry_srcu(kind, form);
    }
    return {};
}

bool same(const nmi_entry& a, const nmi_entry& b)
{
    return a.exc_nmi == b.exc_nmi && a.do_nmi == b.do_nmi && a.exc_irq == b.exc_irq;
}

} // namespace

TEST_CASE("each flavor's entries are its own, each kind's signal handler is another one, in each place of "
          "the count")
{
    std::set<const void*> handlers;
    std::size_t entries = 0;
    for (const flavor f : all_flavors)
        for (const percpu_form form : all_percpu_forms)
            for (const entry_kind kind : all_kinds) {
                const bool fault = kind != entry_kind::correct && kind < entry_kind::latched;
                if (form == percpu_form::array && (fault || kind == entry_kind::nested_stack))
                    continue; // the count in an array has no faults of the entry
                CAPTURE(name_of(f), name_of(form), static_cast<int>(kind));
                const nmi_entry e = nmi_entry_of(f, kind, form);
                CHECK(same(e, own_entry(f, kind, form)));
                handlers.insert(reinterpret_cast<const void*>(e.exc_nmi));
                ++entries;
            }
    CHECK(handlers.size() == entries);
}

TEST_CASE("each flavor's dispatcher and IRQ handler are its own, and its operations are those of its name")
{
    std::set<const void*> dispatchers;
    std::set<const void*> irq_handlers;
    for (const flavor f : all_flavors) {
        CHECK(rcu_ops_of(f).id == f);
        for (const percpu_form form : all_percpu_forms)
            dispatchers.insert(
                reinterpret_cast<const void*>(nmi_entry_of(f, entry_kind::correct, form).do_nmi));
        irq_handlers.insert(
            reinterpret_cast<const void*>(nmi_entry_of(f, entry_kind::correct, percpu_form::pda).exc_irq));
    }
    CHECK(dispatchers.size() == 2 * all_flavors.size());
    CHECK(irq_handlers.size() == all_flavors.size());
}
