// SPDX-License-Identifier: MIT
//
// The shipped windows: clean on the correct code, and every fault found, at the same boundaries each time.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include "explore/windows/window_crew.hpp"
#include "explore/windows/windows.hpp"
#include "machine/limits.hpp"

#include <utility>
#include <vector>

using namespace nmisim::explore;
using nmisim::fault;
using nmisim::fault_info;
using nmisim::flavor;

namespace {

window_options options_of(flavor f, fault left_out = fault::none)
{
    window_options o{.rcu = f, .left_out = left_out};
    o.within.name_all = false;
    return o;
}

any_report explore(std::string_view window, flavor f, fault left_out = fault::none)
{
    return explore_window(window, options_of(f, left_out));
}

struct one_window {
    std::string_view name;
    window_options options;
};

// Side by side, as the program explores them.
std::vector<any_report> explore_all(std::vector<one_window> windows)
{
    std::vector<window_job> jobs;
    for (one_window& w : windows) {
        w.options.within.processes = 1;
        jobs.push_back({[&w] { return explore_window(w.name, w.options); }});
    }
    std::vector<any_report> reports;
    explore_side_by_side(
        jobs, static_cast<unsigned>(nmisim::allowed_cpus()), [](std::size_t) {},
        [&](std::size_t, any_report r) { reports.push_back(std::move(r)); });
    return reports;
}

std::string text_of(const any_report& r)
{
    return std::visit([](const auto& one) { return to_text(one); }, r);
}

// What was found where, in a form that two runs can be compared by.
std::vector<std::string> findings(const any_report& r)
{
    std::vector<std::string> found;
    if (const auto* s = std::get_if<sweep_report>(&r))
        for (const sweep_cell& c : s->cells)
            if (c.verdict == verdict::violation || c.verdict == verdict::hang || c.verdict == verdict::crash)
                found.push_back(name_of(s->boundaries[c.boundary]) + " " + std::to_string(c.boundary));
    if (const auto* m = std::get_if<map_report>(&r))
        for (const map_finding& f : m->findings)
            found.push_back(name_of(m->reader[f.reader]) + " " + std::to_string(f.reader));
    if (const auto* a = std::get_if<audit_report>(&r))
        for (const audit_entry& e : a->entries)
            if (!e.safe)
                found.push_back(e.function);
    return found;
}

// The faults that are a matter of order or protection, and so found at an instruction.
std::vector<fault_info> explorable_faults(bool with_store_buffers = false)
{
    std::vector<fault_info> found;
    for (const fault_info& info : nmisim::all_faults())
        if (!info.explored_in.empty() && info.needs_store_buffers == with_store_buffers)
            found.push_back(info);
    return found;
}

window_options of_full_map(flavor f, memory_model memory, fault left_out = fault::none)
{
    window_options o = options_of(f, left_out);
    o.full_map = true;
    o.within.memory = memory;
    return o;
}

} // namespace

TEST_CASE("every window of every flavor is clean on the right code")
{
    std::vector<one_window> windows;
    for (const flavor f : nmisim::all_flavors)
        for (const window_info& w : all_windows())
            if (w.by_default && not_applicable(w.name, {.rcu = f}).empty())
                windows.push_back({w.name, options_of(f)});
    for (const any_report& r : explore_all(windows)) {
        INFO(text_of(r));
        CHECK(exit_code(r) == 0);
    }
}

TEST_CASE("every fault is found by its window, at the same boundaries each time")
{
    std::vector<one_window> windows;
    std::vector<std::size_t> again; // each fault with one flavor, the next fault with the next one
    for (const fault_info& left_out : explorable_faults()) {
        const std::size_t first = windows.size();
        const std::size_t flavors = nmisim::all_flavors.size();
        // Of a grace period or a reader in each flavor; what has no part in RCU in two, the next fault in the next ones.
        const std::size_t most = left_out.explored_in.ends_with("-map") ? flavors : 2;
        for (std::size_t i = 0; i < flavors && windows.size() - first < most; ++i) {
            const flavor f = nmisim::all_flavors[(2 * again.size() + i) % flavors];
            if (nmisim::not_applicable(left_out.id, f).empty())
                windows.push_back({left_out.explored_in, options_of(f, left_out.id)});
        }
        // Every 64th NMI is dropped: a count, which is a place only where the path never varies by a clock read.
        if (left_out.id != fault::drop_latched && windows.size() != first)
            again.push_back(first + again.size() % (windows.size() - first));
    }
    const std::size_t once = windows.size();
    for (const std::size_t n : again)
        windows.push_back(one_window(windows[n]));
    const std::vector<any_report> reports = explore_all(windows);
    for (const any_report& r : reports) {
        INFO(text_of(r));
        CHECK(exit_code(r) == 3);
        CHECK(!findings(r).empty());
        if (const auto* m = std::get_if<map_report>(&r); m != nullptr && !m->findings.empty())
            CHECK_FALSE(m->reader[m->findings.front().reader].object.empty()); // named, because it is shown
    }
    for (std::size_t i = 0; i < again.size(); ++i) {
        INFO(text_of(reports[again[i]]) << text_of(reports[once + i]));
        CHECK(findings(reports[once + i]) == findings(reports[again[i]]));
    }
}

TEST_CASE("with store buffers the maps of every flavor are clean, and all of it could be followed")
{
    std::vector<one_window> windows;
    for (const flavor f : nmisim::all_flavors)
        for (const char* window : {"read-map", "do_nmi-map"})
            if (window == std::string_view("do_nmi-map") || f == flavor::memb || f == flavor::srcu)
                windows.push_back({window, of_full_map(f, memory_model::tso)});
    for (const any_report& one :
         explore_all(windows)) { // all of them, again and again: tools/repeat_explore.py
        const auto& r = std::get<map_report>(one);
        INFO(to_text(r));
        if (!r.absent.empty()) // built without capstone
            return;
        CHECK(r.clean());
        CHECK(r.unsupported.empty());
    }
}

TEST_CASE("with store buffers a fence or membarrier(2) that is left out is found, without them it is not")
{
    struct explored_fault {
        fault left_out;
        std::size_t at; ///< its report with store buffers
        bool repeated;  ///< the next one is the same again, and the one behind it is without store buffers
    };
    std::vector<explored_fault> faults;
    std::vector<one_window> windows;
    for (const flavor f : nmisim::all_flavors)
        for (const fault_info& info : explorable_faults(true)) {
            if (!nmisim::not_applicable(info.id, f).empty())
                continue;
            const auto explore_with = [&](memory_model memory) {
                windows.push_back({info.explored_in, of_full_map(f, memory, info.id)});
            };
            faults.push_back({info.id, windows.size(), f == flavor::nmi || f == flavor::memb}); // as above
            explore_with(memory_model::tso);
            if (!faults.back().repeated)
                continue;
            explore_with(memory_model::tso);
            explore_with(memory_model::sc);
        }
    const std::vector<any_report> reports = explore_all(windows);
    for (const explored_fault& e : faults) {
        const auto& r = std::get<map_report>(reports[e.at]);
        INFO(to_text(r));
        if (!r.absent.empty()) // built without capstone
            return;
        CHECK(r.unsupported.empty());
        CHECK(exit_code(r) == 3);
        REQUIRE_FALSE(r.findings.empty());
        const map_finding& first = r.findings.front();
        bool reader_waits = false;
        bool updater_waits = false;
        for (const map_context& c : first.contexts)
            if (c.waiting_stores != 0 && c.stored_by.ip != 0 && c.overtaken_by.ip != 0)
                (c.reader ? reader_waits : updater_waits) = true;
        CHECK(reader_waits == (e.left_out != fault::no_updater_fence));
        CHECK(updater_waits == (e.left_out == fault::no_updater_fence));
        if (!e.repeated)
            continue;
        const auto& again = std::get<map_report>(reports[e.at + 1]);
        REQUIRE_FALSE(again.findings.empty());
        CHECK(again.findings.front().schedule == first.schedule);
        const auto& sc = std::get<map_report>(reports[e.at + 2]);
        INFO(to_text(sc));
        CHECK(sc.clean());
    }
}

TEST_CASE("a fault is explored in a window that has it, and in no other")
{
    for (const fault_info& left_out : nmisim::all_faults())
        if (!left_out.explored_in.empty())
            CHECK(not_applicable(left_out.explored_in, {.left_out = left_out.id}) ==
                  nmisim::not_applicable(left_out.id, flavor::memb));
    for (const auto& [window, left_out] :
         {std::pair{"read", fault::malloc_in_nmi}, std::pair{"audit", fault::no_grace_period},
          std::pair{"exchange", fault::plain_publish}, std::pair{"publish", fault::unset_then_set},
          std::pair{"exchange", fault::no_updater_fence}, std::pair{"read-map", fault::no_reader_fence}})
        CHECK_FALSE(not_applicable(window, {.left_out = left_out}).empty());
}

TEST_CASE("a grace period waits for the reader on a stretch of instructions without holes")
{
    for (const flavor f : nmisim::all_flavors)
        for (const char* window : {"read-map", "do_nmi-map"}) {
            const any_report r = explore(window, f);
            INFO(text_of(r));
            const auto& m = std::get<map_report>(r);
            CHECK(m.first_waiting > 0);
            CHECK(m.contiguous);
            CHECK(!m.waits_in.empty());
            for (const int shown : {m.first_waiting - 1, m.first_waiting, m.last_waiting})
                CHECK_FALSE(m.reader[static_cast<std::size_t>(shown)].object.empty());
            CHECK(m.updater.back().object.empty()); // not asked for, and not shown
        }
}

TEST_CASE("an NMI in the exit of a bp reader's thread can deadlock, and our vCPU's end cannot")
{
    const any_report careless = explore("vcpu-exit", flavor::bp);
    INFO(text_of(careless));
    const auto& s = std::get<sweep_report>(careless);
    CHECK(s.count(verdict::hang) > 0);
    CHECK(exit_code(careless) == 3);
    bool named = false;
    for (const sweep_cell& c : s.cells)
        named = named || (c.verdict == verdict::hang && c.what.find("futex wait") != std::string::npos);
    CHECK(named);

    const any_report ours = explore("vcpu-end", flavor::bp);
    CHECK(exit_code(ours) == 0);
    const auto& o = std::get<sweep_report>(ours);
    CHECK(o.count(verdict::held) == o.cells.size());
}

TEST_CASE("a window that does not exist is refused")
{
    CHECK_THROWS_AS(explore("no-such-window", flavor::memb), std::invalid_argument);
}
