// SPDX-License-Identifier: MIT
#include "report/json/job_json.hpp"

namespace nmisim {
namespace {

using json = json_value;

json profile_json(const profile_report& p)
{
    json rows = json::array();
    for (const profile_row& r : p.rows)
        rows.push_back(json{{"function", r.function}, {"object", r.object}, {"samples", r.samples}});
    json split = json::array();
    for (const split_row& s : p.split)
        split.push_back(json{
            {"function", s.function}, {"meant", s.meant}, {"measured", s.measured}, {"sampled", s.sampled}});
    return {
        {"taken", p.taken}, {"lost", p.lost}, {"handlers", p.drained}, {"functions", rows}, {"split", split}};
}

json watchdog_json(const watchdog_report& w)
{
    json lockups = json::array();
    for (const lockup_report& l : w.lockups)
        lockups.push_back(json{{"cpu", l.cpu}, {"after_ns", l.after_ns}, {"backtrace", l.backtrace}});
    return {{"ticks", w.ticks}, {"looks", w.looks}, {"lockups", lockups}};
}

json backtrace_json(const backtrace_report& b)
{
    json last = json::array();
    for (const cpu_backtrace& c : b.last)
        last.push_back(json{{"cpu", c.cpu}, {"frames", c.frames}});
    return {{"asked", b.asked},
            {"answered", b.answered},
            {"unanswered", b.unanswered},
            {"longest_ns", b.longest_ns},
            {"last", last}};
}

} // namespace

void add_jobs(json_value& report, const run_report& r)
{
    report["long_handlers"] = {{"too_long", r.long_handlers.too_long},
                               {"reported", r.long_handlers.reported},
                               {"max_ns", r.long_handlers.max_ns},
                               {"max_cpu_ns", r.long_handlers.max_cpu_ns}};
    report["profile"] = r.profile ? profile_json(*r.profile) : json(nullptr);
    report["watchdog"] = r.watchdog ? watchdog_json(*r.watchdog) : json(nullptr);
    report["backtrace"] = r.backtrace ? backtrace_json(*r.backtrace) : json(nullptr);
}

} // namespace nmisim
