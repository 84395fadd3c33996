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

json to_json(const place& p)
{
    json j{{"ip", fmt::format("{:#x}", p.ip)},
           {"symbol", p.symbol},
           {"offset", p.offset},
           {"object", p.object},
           {"object_offset", p.object_offset}};
    if (!p.source.empty())
        j["source"] = p.source;
    if (!p.instruction.empty())
        j["instruction"] = p.instruction;
    return j;
}

json to_json(const std::vector<place>& places)
{
    json all = json::array();
    for (const place& p : places)
        all.push_back(to_json(p));
    return all;
}

template <class Report>
json head(const char* kind, const Report& r)
{
    json j{{"kind", kind},
           {"name", r.name},
           {"exit_code", exit_code(r)},
           {"clean", r.clean()},
           {"elapsed_ns", r.elapsed_ns}};
    if (!r.absent.empty())
        j["absent"] = r.absent;
    if (!r.incomplete.empty())
        j["incomplete"] = r.incomplete;
    return j;
}

json to_json(const sweep_report& r)
{
    json j = head("sweep", r);
    j["handler_runs"] = r.handler_runs();
    j["boundaries"] = to_json(r.boundaries);
    json& cells = j["cells"];
    cells = json::array();
    for (const sweep_cell& c : r.cells) {
        json cell{{"boundary", c.boundary}, {"verdict", name_of(c.verdict)}};
        if (!c.what.empty())
            cell["what"] = c.what;
        if (c.delivered_at != 0)
            cell["delivered_at"] = fmt::format("{:#x}", c.delivered_at);
        if (!c.token.empty())
            cell["token"] = c.token;
        cells.push_back(std::move(cell));
    }
    json& calls = j["calls"];
    calls = json::array();
    for (const call_cell& c : r.calls) {
        json call{{"boundary", c.boundary},
                  {"call", c.call},
                  {"arrival", name_of(c.arrival)},
                  {"result", c.result},
                  {"verdict", name_of(c.verdict)},
                  {"what", c.what},
                  {"called_from", to_json(c.called_from)}};
        if (!c.token.empty())
            call["token"] = c.token;
        calls.push_back(std::move(call));
    }
    if (r.pairs.empty())
        return j;
    j["handler"] = to_json(r.handler);
    json& pairs = j["pairs"];
    pairs = json::array();
    for (const pair_cell& c : r.pairs) {
        json pair{{"boundary", c.boundary}, {"verdict", name_of(c.verdict)}};
        if (!c.together) {
            pair["second_before"] = fmt::format("{:#x}", c.ip);
            pair["round"] = c.round;
        }
        if (!c.what.empty())
            pair["what"] = c.what;
        if (c.delivered_at != 0)
            pair["delivered_at"] = fmt::format("{:#x}", c.delivered_at);
        if (!c.token.empty())
            pair["token"] = c.token;
        pairs.push_back(std::move(pair));
    }
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

json to_json(const map_context& c)
{
    json j{{"thread", c.reader2  ? "reader 2"
                      : c.reader ? "reader"
                                 : "updater"},
           {"until", c.by_itself ? "it ends or waits"
                     : c.at_end  ? "its end"
                                 : "an instruction"},
           {"waiting_stores", c.waiting_stores}};
    if (!c.by_itself && !c.at_end)
        j["before"] = to_json(c.before);
    if (c.stored_at != 0)
        j["store"] = json{{"by", to_json(c.stored_by)},
                          {"at", fmt::format("{:#x}", c.stored_at)},
                          {"bytes", c.stored_size},
                          {"value", fmt::format("{:#x}", c.stored_value)}};
    if (c.loaded_from != 0)
        j["overtaken"] = json{{"by", to_json(c.overtaken_by)}, {"from", fmt::format("{:#x}", c.loaded_from)}};
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
    j["reader"] = to_json(r.reader);
    j["updater"] = to_json(r.updater);
    j["updater_first"] = rows(r.updater_first, columns);
    if (r.full)
        j["reader_first"] = rows(r.reader_first, columns);
    j["critical_section"] = json{{"first", r.first_waiting},
                                 {"last", r.last_waiting},
                                 {"contiguous", r.contiguous},
                                 {"waits_in", r.waits_in}};
    json& findings = j["findings"];
    findings = json::array();
    for (const map_finding& f : r.findings) {
        json contexts = json::array();
        for (const map_context& c : f.contexts)
            contexts.push_back(to_json(c));
        json finding{{"reader", f.reader},      {"updater", f.updater},  {"reader_first", f.reader_first},
                     {"kind", name_of(f.kind)}, {"what", f.what},        {"schedule", f.schedule},
                     {"contexts", contexts},    {"smallest", f.smallest}};
        if (!f.token.empty())
            finding["token"] = f.token;
        if (f.nmi)
            finding["nmi_before"] = f.nmi_before.ip == 0 ? json("the reader's end") : to_json(f.nmi_before);
        findings.push_back(std::move(finding));
    }
    return j;
}

json to_json(const audit_report& r)
{
    json j = head("audit", r);
    j["steps"] = r.steps;
    j["ends"] = r.ends;
    json& functions = j["functions"];
    functions = json::array();
    for (const audit_entry& e : r.entries) {
        json chain = json::array();
        for (const std::string& one : e.chain)
            chain.push_back(json(one));
        functions.push_back(json{{"function", e.function},
                                 {"object", e.object},
                                 {"safe", e.safe},
                                 {"why", e.why},
                                 {"calls", e.calls},
                                 {"chain", chain},
                                 {"called_from", to_json(e.called_from)}});
    }
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
    json& all = document["reports"];
    all = json::array();
    for (const any_report& r : reports)
        all.push_back(std::visit([](const auto& one) { return to_json(one); }, r));
    return document.dump(1) + "\n";
}

} // namespace nmisim::explore
