// SPDX-License-Identifier: MIT
#include "report/json/exec_profile_json.hpp"

#include <utility>

namespace nmisim::exec {

namespace {

json_value rows_json(const std::vector<profiled_function>& rows)
{
    json_value all = json_value::array();
    for (const profiled_function& f : rows)
        all.push_back(
            json_value{{"function", f.function}, {"object", f.object}, {"self", f.self}, {"total", f.total}});
    return all;
}

} // namespace

json_value profile_json(const profile_found& p, json_value outcome)
{
    if (!p.asked)
        return json_value();
    json_value threads = json_value::array();
    for (const profiled_thread& t : p.by_thread)
        threads.push_back(json_value{{"path", t.path},
                                     {"exe", t.exe},
                                     {"name", t.name},
                                     {"samples", t.samples},
                                     {"functions", rows_json(t.functions)}});
    return json_value{{"outcome", std::move(outcome)},
                      {"clock", p.refused == 0 ? "perf_event" : "timer"},
                      {"period_ns", p.period_ns},
                      {"samples", p.counts.taken},
                      {"with_callers", p.with_callers},
                      {"lost", json_value{{"no_room", p.counts.no_room},
                                          {"cut_off", p.counts.cut_off},
                                          {"gave_up", p.counts.gave_up}}},
                      {"swaps", p.counts.swaps},
                      {"drained", p.counts.drained},
                      {"eras", p.counts.eras},
                      {"programs", p.programs},
                      {"unarmed", p.unarmed},
                      {"processes", p.processes},
                      {"threads", p.threads},
                      {"without_clock", p.without_clock},
                      {"left_behind", p.left_behind},
                      {"events_lost", p.events_lost},
                      {"functions", rows_json(p.functions)},
                      {"by_thread", std::move(threads)}};
}

} // namespace nmisim::exec
