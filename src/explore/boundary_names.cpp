// SPDX-License-Identifier: MIT
#include "explore/boundary_names.hpp"

namespace nmisim::explore {

namespace {

// A thread that is off its recorded path is not where that one has as many instructions. Of a longer path the last cell stands
// for the rest.
std::string way_in_words(const char* who, const std::vector<place>& path, std::uint32_t to, bool off_path)
{
    if (!off_path)
        return std::string(who) + " to before " + name_of(path[to]);
    return std::string(who) + " on another path than alone, to behind " + std::to_string(to) +
           " instructions" + (to + 1 == path.size() ? " or more" : "");
}

std::string schedule_in_words(const map_report& r, const map_finding& f, bool off_path)
{
    const std::string reader = way_in_words("reader", r.reader, f.reader, off_path && !f.reader_first);
    const std::string updater = way_in_words("updater", r.updater, f.updater, off_path && f.reader_first);
    if (f.reader_first)
        return reader + "; " + updater + "; reader to its end; updater to its end";
    return (f.updater == 0 ? "" : updater + "; ") + reader +
           "; updater on until it ends or waits; reader to its end";
}

} // namespace

void name_boundaries(map_report& r, const shared_traces& recorded, places& names, bool named)
{
    const auto places_of = [&](const recording& t) { return names.of(t, std::vector<bool>(t.count, named)); };
    r.reader = places_of(recorded.reader);
    r.updater = places_of(recorded.updater);
}

void name_critical_section(map_report& r, const shared_traces& recorded, places& names)
{
    for (const int n : {r.first_waiting - 1, r.first_waiting, r.last_waiting})
        if (const auto at = static_cast<std::size_t>(n); n >= 0)
            r.reader[at] = names.of(recorded.reader.ip[at], recorded.reader.code[at]);
}

void tell_schedules(map_report& r, const shared_traces& recorded, places& names,
                    const std::function<bool(const map_finding&)>& is_off_path)
{
    for (map_finding& f : r.findings) {
        r.reader[f.reader] = names.of(recorded.reader.ip[f.reader], recorded.reader.code[f.reader]);
        r.updater[f.updater] = names.of(recorded.updater.ip[f.updater], recorded.updater.code[f.updater]);
        f.schedule = schedule_in_words(r, f, is_off_path(f));
    }
}

} // namespace nmisim::explore
