// SPDX-License-Identifier: MIT
#include "explore/windows/windows.hpp"

#include "base/errno_guard.hpp"
#include "base/signal_mask.hpp"
#include "explore/replay/token.hpp"
#include "explore/watch/explored_signal.hpp"
#include "explore/windows/interrupts.hpp"
#include "explore/windows/read_section.hpp"
#include "explore/windows/scene.hpp"
#include "explore/windows/swaps.hpp"
#include "machine/vcpu_thread.hpp"
#include "nmi/record/backtrace.hpp"

#include <csignal>
#include <stdexcept>

namespace nmisim::explore {

namespace {

constexpr std::array table{
    window_info{"do_nmi", "do_nmi, interrupted by a nested NMI at every instruction"},
    window_info{"nmi_count",
                "do_nmi where the count is full, interrupted by a nested NMI at every instruction"},
    window_info{"exc_nmi",
                "an NMI that opens its own signal, interrupted by a nested NMI at every instruction"},
    window_info{"irq", "an IRQ from its signal entry on, interrupted by an NMI at every instruction"},
    window_info{"ct_nmi", "qsbr: do_nmi on an idle vCPU, interrupted by an NMI at every instruction"},
    window_info{"idle", "qsbr: a vCPU goes idle and comes back, interrupted by an NMI at every instruction"},
    window_info{"read", "a task's read-side section, interrupted by an NMI that reads too"},
    window_info{"publish", "the publish step alone: initialise, rcu_assign_pointer"},
    window_info{"set", "set_nmi_callback"},
    window_info{"unset", "unset_nmi_callback"},
    window_info{"exchange", "a whole swap: exchange, reclaim"},
    window_info{"synchronize_rcu", "a grace period, on a vCPU that takes NMIs meanwhile"},
    window_info{"vcpu-online", "a vCPU comes online"},
    window_info{"vcpu-offline", "a vCPU goes offline"},
    window_info{"vcpu-end", "the thread of a vCPU ends, from leave() to its last instruction"},
    window_info{"read-map", "map: a task's read-side section x a whole swap"},
    window_info{"do_nmi-map", "map: do_nmi x a whole swap; idle vCPU where the flavor knows idle"},
    window_info{"audit", "every function that an NMI calls, from the signal entry on"},
    window_info{"vcpu-exit", "bp only: a reader's thread ends with its NMI open (upstream defect)", false},
};

function read_window() noexcept
{
    switch (chosen.rcu) {
    case flavor::memb: return read_section_memb;
    case flavor::mb: return read_section_mb;
    case flavor::bp: return read_section_bp;
    case flavor::qsbr: return read_section_qsbr;
    case flavor::nmi: return read_section_nmi;
    case flavor::srcu: return read_section_srcu;
    }
    return nullptr;
}

function swap_window() noexcept
{
    return info_of(chosen.left_out).swap.is_right() ? swap : swap_wrongly;
}

// A second NMI on top of the window's own: the signal entry's bookkeeping is for one level.
void nested_nmi()
{
    const errno_guard errno_kept;
    percpu& cpu = explored_vcpu().area();
    const std::uint32_t outer = cpu.generations_run;
    cpu.generations_run = 0;
    (void)the_entry().do_nmi(pt_regs{});
    if (cpu.generations_run != 1)
        note_broken("check exactly-once: the nested NMI did not run exactly one generation");
    cpu.generations_run = outer;
}

void prepare_nested() noexcept
{
    prepare();
    explored_vcpu().area().generations_run = 0;
}

void prepare_full_count() noexcept
{
    vcpu_count& count = *explored_vcpu().area().count;
    count.carry();
    count.add(carry_due);
    prepare_nested();
}

const char* broken_after_two_nmis() noexcept
{
    if (const char* what = broken(); what != nullptr)
        return what;
    if (explored_vcpu().area().generations_run != 1)
        return "check exactly-once: the outer NMI did not run exactly one generation";
    return nmis_since_prepare() == 2 ? nullptr : "check conservation: not both NMIs are counted";
}

void block_nmi() noexcept
{
    if (!is_blocked(SIGRTMIN + 1))
        change_mask(SIG_BLOCK, SIGRTMIN + 1);
}

void be_offline() noexcept
{
    if (this_cpu != nullptr)
        explored_vcpu().leave();
    block_nmi();
    prepare();
}

void be_online() noexcept
{
    if (this_cpu == nullptr)
        explored_vcpu().come_online();
    prepare();
}

void live_as_a_vcpu()
{
    block_nmi();
    explored_vcpu().come_online();
    read_window()();
    explored_vcpu().leave();
}

// What an unprepared program does: the reader registers itself, the thread ends, the signal stays unblocked.
void live_carelessly()
{
    this_cpu = &explored_vcpu().area();
    this_cpu->count->set_offline(false);
    read_window()();
}

target sweep_target(std::string_view window, const std::string& name)
{
    target t{.name = name.c_str(),
             .setup = build_machine_and_come_online,
             .prepare = prepare,
             .broken = broken_after_one_nmi};
    if (window == "do_nmi" || window == "nmi_count") {
        t.window = do_nmi_by_hand;
        t.prepare = window == "do_nmi" ? prepare_nested : prepare_full_count;
        t.nmi = nested_nmi;
        t.broken = broken_after_two_nmis;
    } else if (window == "read") {
        t.window = read_window();
    } else if (window == "publish") {
        t.prepare = prepare_publish;
        t.window = info_of(chosen.left_out).swap.is_right() ? publish : publish_wrongly;
    } else if (window == "set") {
        t.prepare = [] { prepare(), build(handler(1)); };
        t.window = [] { the_machine().set_nmi_callback(handler(1)); };
    } else if (window == "unset") {
        t.prepare = prepare_dummy_allowed;
        t.window = [] { the_machine().unset_nmi_callback(); };
    } else if (window == "exchange") {
        t.prepare = prepare_swap;
        t.window = swap_window();
    } else if (window == "synchronize_rcu") {
        t.window = [] { (void)the_machine().synchronize_rcu(); };
    } else if (window == "vcpu-online") {
        t.prepare = be_offline;
        t.window = [] { explored_vcpu().come_online(); };
    } else if (window == "vcpu-offline") {
        t.prepare = be_online;
        t.window = [] { explored_vcpu().leave(); };
    } else if (window == "vcpu-end" || window == "vcpu-exit") {
        t.setup = build_machine;
        t.thread_end = true;
        t.window = window == "vcpu-end" ? live_as_a_vcpu : live_carelessly;
    } else if (!interrupt_target(window, t)) {
        throw std::invalid_argument("no window " + std::string(window));
    }
    return t;
}

race map_race(std::string_view window, const window_options& o, const std::string& name)
{
    race r{.name = name.c_str(),
           .setup = build_machine,
           .reader_setup = reader_comes_online,
           .updater_setup = updater_is_known,
           .prepare = prepare_swap,
           .reader = window == "read-map" ? read_window() : do_nmi_by_hand,
           .updater = swap_window(),
           .broken = broken};
    if (o.nmis > 1)
        r.nmi = nested_nmi;
    if (o.readers > 1) {
        r.reader2 = r.reader;
        r.reader2_setup = second_reader_comes_online;
    }
    return r;
}

bool is_map(std::string_view window) noexcept
{
    return window.ends_with("-map");
}

nesting nesting_of(std::string_view window, const window_options& o) noexcept
{
    if (window != "exc_nmi")
        return nesting::blocked;
    return info_of(o.left_out).widened_by.nested_nmis ? nesting::nested : nesting::latched;
}

void choose_for(std::string_view window, const window_options& o) noexcept
{
    chosen = {.rcu = o.rcu,
              .left_out = o.left_out,
              .how = nesting_of(window, o),
              .irqs = window == "irq" ? 1 : 0,
              .readers = is_map(window) ? o.readers : 1};
}

// A fault of a swap or of a handler is in the windows that have one; the others are faults of the NMI's entry, which
// every window takes.
bool contains(std::string_view window, const fault_info& left_out) noexcept
{
    if (left_out.needs_store_buffers)
        return window == "do_nmi-map" || (window == "read-map" && !left_out.swap.is_right());
    if (left_out.explored_in == "publish" || left_out.in_handler != nullptr)
        return window == left_out.explored_in;
    if (!left_out.swap.is_right())
        return window == "exchange" || is_map(window);
    return true;
}

std::string full_name(std::string_view window, const window_options& o)
{
    std::string name(nmisim::name_of(o.rcu));
    name += " ";
    name += window;
    if (o.left_out != fault::none)
        name += ", fault " + std::string(nmisim::name_of(o.left_out));
    return name;
}

} // namespace

std::span<const window_info> all_windows() noexcept
{
    return table;
}

std::string_view not_applicable(std::string_view window, const window_options& o) noexcept
{
    if (window == "vcpu-exit" && o.rcu != flavor::bp)
        return "only flavor bp registers a reader by itself and takes its leave in the thread's exit";
    if ((window == "ct_nmi" || window == "idle") && rcu_ops_of(o.rcu).is_watching == nullptr)
        return "RCU always watches readers of this flavor";
    if (!contains(window, info_of(o.left_out)))
        return "what this fault leaves out is no part of this window";
    return nmisim::not_applicable(o.left_out, o.rcu);
}

any_report explore_window(std::string_view window, const window_options& o)
{
    choose_for(window, o);
    warm_up_unwinder(); // here, and not in each process that builds a machine
    const std::string name = full_name(window, o);
    if (window == "audit")
        return audit(name.c_str(), audited_handler(info_of(o.left_out).in_handler),
                     build_machine_and_come_online, {}, o.within);
    if (is_map(window))
        return map(map_race(window, o, name), o.full_map, o.within);
    return sweep(sweep_target(window, name), o.within);
}

std::optional<window_choice> window_of_token(std::string_view token)
{
    const std::optional<explore::token> parts = token_of(token);
    if (!parts)
        return std::nullopt;
    std::vector<fault> left_out{fault::none};
    for (const fault_info& f : all_faults())
        left_out.push_back(f.id);
    for (const flavor rcu : all_flavors)
        for (const window_info& w : table)
            for (const fault f : left_out) {
                const window_options o{.rcu = rcu,
                                       .left_out = f,
                                       .nmis = parts->has_second_nmi() ? 2U : 1U,
                                       .readers = parts->is('2') ? 2U : 1U};
                if (w.name != "audit" && full_name(w.name, o) == parts->name)
                    return window_choice{std::string(w.name), o};
            }
    return std::nullopt;
}

any_report replay_window(const window_choice& in, std::string_view token, const on_hold& held)
{
    choose_for(in.window, in.options);
    warm_up_unwinder(); // as above
    const std::string name = full_name(in.window, in.options);
    if (is_map(in.window))
        return replay(map_race(in.window, in.options, name), token, in.options.within, held);
    return replay(sweep_target(in.window, name), token, in.options.within, held);
}

int exit_code(const any_report& r) noexcept
{
    return std::visit([](const auto& one) { return exit_code(one); }, r);
}

const std::string& name_of(const any_report& r) noexcept
{
    return std::visit([](const auto& one) -> const std::string& { return one.name; }, r);
}

} // namespace nmisim::explore
