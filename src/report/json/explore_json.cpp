// SPDX-License-Identifier: MIT
//
// JSON: {"schema": "nmi-sim-explore", "version": 1, ..., "reports": [...]}; docs/nmi-sim-explore-1.schema.json says what each
// key means. A report's kind is "sweep", "map" or "audit". Addresses are hexadecimal strings: JSON numbers do not hold 64
// bits. Cells of a map are one letter each, a string per reader boundary.
#include "report/explore_report.hpp"
#include "report/json/json_value.hpp"

#include <fmt/format.h>

namespace nmisim::explore {

namespace {

using json = json_value;

/// Members that are there only where there is something to say.
void add(json& j, std::string_view name, const std::string& text)
{
    if (!text.empty())
        j[name] = text;
}

void add_address(json& j, std::string_view name, std::uintptr_t address)
{
    if (address != 0)
        j[name] = fmt::format("{:#x}", address);
}

json place_json(const place& p)
{
    json j{{"ip", fmt::format("{:#x}", p.ip)},
           {"symbol", p.symbol},
           {"offset", p.offset},
           {"object", p.object},
           {"object_offset", p.object_offset}};
    add(j, "source", p.source);
    add(j, "instruction", p.instruction);
    return j;
}

template <class Report>
json head(const char* kind, const Report& r)
{
    json j{{"kind", kind},
           {"name", r.name},
           {"exit_code", exit_code(r)},
           {"clean", r.clean()},
           {"elapsed_ns", r.elapsed_ns}};
    add(j, "absent", r.absent);
    add(j, "incomplete", r.incomplete);
    return j;
}

json cell_json(const sweep_cell& c)
{
    json j{{"boundary", c.boundary}, {"verdict", name_of(c.verdict)}};
    add(j, "what", c.what);
    add_address(j, "delivered_at", c.delivered_at);
    add(j, "token", c.token);
    return j;
}

json call_json(const call_cell& c)
{
    json j{{"boundary", c.boundary},
           {"call", c.call},
           {"arrival", name_of(c.arrival)},
           {"result", c.result},
           {"verdict", name_of(c.verdict)},
           {"what", c.what},
           {"called_from", place_json(c.called_from)}};
    add(j, "token", c.token);
    return j;
}

json pair_json(const pair_cell& c)
{
    json j{{"boundary", c.boundary}, {"verdict", name_of(c.verdict)}};
    if (!c.together) {
        j["second_before"] = fmt::format("{:#x}", c.ip);
        j["round"] = c.round;
    }
    add(j, "what", c.what);
    add_address(j, "delivered_at", c.delivered_at);
    add(j, "token", c.token);
    return j;
}

json to_json(const sweep_report& r)
{
    json j = head("sweep", r);
    j["handler_runs"] = r.handler_runs();
    j["boundaries"] = array_of(r.boundaries, place_json);
    j["cells"] = array_of(r.cells, cell_json);
    j["calls"] = array_of(r.calls, call_json);
    if (r.pairs.empty())
        return j;
    j["handler"] = array_of(r.handler, place_json);
    j["pairs"] = array_of(r.pairs, pair_json);
    return j;
}

char letter(cell c)
{
    switch (c) {
    case cell::unexplored: return '.';
    case cell::ends: return 'e';
    case cell::waits: return 'w';
    case cell::violation: return 'V';
    case cell::crash: return 'C';
    case cell::hang: return 'H';
    case cell::not_reached: return 'n';
    }
    return '?';
}

json rows(const std::vector<cell>& cells, std::size_t columns)
{
    json all = json::array();
    for (std::size_t at = 0; at < cells.size(); at += columns) {
        std::string row;
        for (std::size_t u = 0; u < columns; ++u)
            row += letter(cells[at + u]);
        all.push_back(row);
    }
    return all;
}

json context_json(const map_context& c)
{
    json j{{"thread", c.reader2  ? "reader 2"
                      : c.reader ? "reader"
                                 : "updater"},
           {"until", c.by_itself ? "it ends or waits"
                     : c.at_end  ? "its end"
                                 : "an instruction"},
           {"waiting_stores", c.waiting_stores}};
    if (!c.by_itself && !c.at_end)
        j["before"] = place_json(c.before);
    if (c.stored_at != 0)
        j["store"] = json{{"by", place_json(c.stored_by)},
                          {"at", fmt::format("{:#x}", c.stored_at)},
                          {"bytes", c.stored_size},
                          {"value", fmt::format("{:#x}", c.stored_value)}};
    if (c.loaded_from != 0)
        j["overtaken"] =
            json{{"by", place_json(c.overtaken_by)}, {"from", fmt::format("{:#x}", c.loaded_from)}};
    return j;
}

json finding_json(const map_finding& f)
{
    json j{{"reader", f.reader},
           {"updater", f.updater},
           {"reader_first", f.reader_first},
           {"kind", name_of(f.kind)},
           {"what", f.what},
           {"schedule", f.schedule},
           {"contexts", array_of(f.contexts, context_json)},
           {"smallest", f.smallest}};
    add(j, "token", f.token);
    if (f.nmi)
        j["nmi_before"] = f.nmi_before.ip == 0 ? json("the reader's end") : place_json(f.nmi_before);
    return j;
}

json to_json(const map_report& r)
{
    json j = head("map", r);
    const std::size_t columns = r.full ? r.updater.size() : 1;
    j["schedules"] = r.schedules;
    j["runs"] = r.runs;
    j["full"] = r.full;
    j["memory"] = r.memory == memory_model::tso ? "tso" : "sc";
    j["preemptions"] = r.preemptions;
    j["reduced"] = r.reduced;
    j["nmis"] = r.nmi ? 2 : 1;
    j["readers"] = r.readers;
    if (r.reduced)
        j["points"] =
            json{{"reader", r.reader_points}, {"updater", r.updater_points}, {"bytes", r.shared_bytes}};
    if (!r.unsupported.empty())
        j["unsupported"] = json(r.unsupported);
    j["reader"] = array_of(r.reader, place_json);
    j["updater"] = array_of(r.updater, place_json);
    j["updater_first"] = rows(r.updater_first, columns);
    if (r.full)
        j["reader_first"] = rows(r.reader_first, columns);
    j["critical_section"] = json{{"first", r.first_waiting},
                                 {"last", r.last_waiting},
                                 {"contiguous", r.contiguous},
                                 {"waits_in", r.waits_in}};
    j["findings"] = array_of(r.findings, finding_json);
    return j;
}

json to_json(const audit_report& r)
{
    json j = head("audit", r);
    j["steps"] = r.steps;
    j["ends"] = r.ends;
    j["functions"] = array_of(r.entries, [](const audit_entry& e) {
        return json{{"function", e.function},
                    {"object", e.object},
                    {"safe", e.safe},
                    {"why", e.why},
                    {"calls", e.calls},
                    {"chain", e.chain},
                    {"called_from", place_json(e.called_from)}};
    });
    return j;
}

} // namespace

std::string to_json(std::span<const any_report> reports, std::span<const std::string> argv, bool complete,
                    std::string_view absent)
{
    json document{{"schema", "nmi-sim-explore"},
                  {"version", explore_schema_version},
                  {"command", argv},
                  {"complete", complete && !reports.empty()}};
    if (!absent.empty())
        document["absent"] = absent;
    document["reports"] = array_of(reports, [](const any_report& r) {
        return std::visit([](const auto& one) { return to_json(one); }, r);
    });
    return document.dump(1) + "\n";
}

} // namespace nmisim::explore
