// SPDX-License-Identifier: MIT
//
// The timeline of a run as Chrome trace events, for ui.perfetto.dev and speedscope.app:
//
//   rows      controller, injector, call_rcu worker, then the vCPUs
//   slices    swap > publish, grace period, reclaim; raise; vCPU online > NMI, with generation, age and latency
//   arrows    from each raise to its NMI, and from a publish to the reclaim of what it replaced where call_rcu does it
//   counters  NMIs in flight per vCPU, handlers that wait for their grace period
//   instants  violations, coalesced and rejected raises
//
// Its form is that of trace_events.hpp; the zero is the first raise, as in the report. An arrow begins and ends inside a slice.
#include "report/build_info.hpp"
#include "report/json/json_report.hpp"
#include "report/json/json_value.hpp"
#include "report/json/trace_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace nmisim {
namespace {

constexpr int only_process = 1;
constexpr int controller_row = 1;
constexpr int injector_row = 2;
constexpr int reclaimer_row = 3;
constexpr int first_vcpu_row = 10;

int row_number(trace_row::what thread, int cpu)
{
    switch (thread) {
    case trace_row::what::control: return controller_row;
    case trace_row::what::injector: return injector_row;
    case trace_row::what::reclaimer: return reclaimer_row;
    case trace_row::what::vcpu: break;
    }
    return first_vcpu_row + cpu;
}

std::string row_name(const trace_row& row)
{
    switch (row.thread) {
    case trace_row::what::control: return "controller";
    case trace_row::what::injector: return "injector";
    case trace_row::what::reclaimer: return "call_rcu";
    case trace_row::what::vcpu: break;
    }
    return fmt::format("vCPU {}", row.cpu);
}

/// One line of the file, sorted by time; at equal times the longer slice first, then events that are not slices.
struct item {
    std::uint64_t at_ns;
    std::uint64_t length_ns; ///< instants and counters: 0
    enum { slice, counter, instant } what;
    int row;
    const trace_record* record;
    std::string text; ///< the instant's, or empty
    bool operator<(const item& other) const noexcept
    {
        return std::tie(at_ns, other.length_ns, what) < std::tie(other.at_ns, length_ns, other.what);
    }
};

const char* name_of(trace_kind kind)
{
    switch (kind) {
    case trace_kind::nmi: return "NMI";
    case trace_kind::raise: return "raise";
    case trace_kind::coalesced: return "coalesced";
    case trace_kind::rejected: return "rejected: signal queue full";
    case trace_kind::online: return "vCPU online";
    case trace_kind::swap: return "swap";
    case trace_kind::publish: return "publish";
    case trace_kind::grace_period: return "grace period";
    case trace_kind::reclaim: return "reclaim";
    }
    return "?";
}

const char* name_of(trace_outcome outcome)
{
    switch (outcome) {
    case trace_outcome::handled: return "NMI";
    case trace_outcome::defaulted: return "NMI unclaimed";
    case trace_outcome::offline: return "NMI on an offline vCPU";
    case trace_outcome::dropped: return "NMI not handled";
    }
    return "?";
}

std::string failed_checks(std::uint16_t bits)
{
    std::string names;
    for (std::size_t i = 0; i < check_count; ++i)
        if ((bits >> i & 1) != 0)
            names += (names.empty() ? "" : ", ") + std::string(check_names[i]);
    return names;
}

class writer {
public:
    writer(const run_report& report, const report_context& context) : report_(report), context_(context) {}

    std::string write()
    {
        collect();
        metadata();
        for (const item& i : items_)
            switch (i.what) {
            case item::slice: slice(i); break;
            case item::counter: counter(i); break;
            case item::instant: event('i', json_escaped(i.text), i.at_ns, i.row, ",\"s\":\"t\""); break;
            }
        return std::move(*events_).text();
    }

private:
    std::uint64_t since_start(std::uint64_t ns) const
    {
        return ns > report_.start_ns ? ns - report_.start_ns : 0;
    }

    void event(char phase, std::string_view name, std::uint64_t at_ns, int row, std::string_view more)
    {
        events_->event(phase, name, at_ns, only_process, row, more);
    }

    void arrow(char phase, std::string_view name, std::uint64_t at_ns, int row, std::uint64_t id)
    {
        event(phase, name, at_ns, row,
              fmt::format(",\"cat\":\"{}\",\"id\":{}{}", name, id, phase == 'f' ? ",\"bp\":\"e\"" : ""));
    }

    void collect(const trace_record& r, int row)
    {
        if (r.end_ns < report_.start_ns)
            return;
        const std::uint64_t begin = since_start(r.begin_ns);
        const std::uint64_t end = since_start(r.end_ns);
        if (r.kind == trace_kind::coalesced || r.kind == trace_kind::rejected) {
            items_.push_back({begin, 0, item::instant, row, &r, name_of(r.kind)});
            return;
        }
        // The grace period begins where publishing ends, and the reclaim where the grace period does: for viewers that add
        // floating-point numbers, a little later.
        const bool another_follows = r.kind == trace_kind::publish || r.kind == trace_kind::grace_period;
        const std::uint64_t gap = another_follows && end > begin ? 1 : 0;
        items_.push_back({begin, end - begin - gap, item::slice, row, &r, {}});
        if (r.kind == trace_kind::nmi)
            items_.push_back({begin, 0, item::counter, row, &r, {}});
        if (r.kind == trace_kind::publish || r.kind == trace_kind::reclaim)
            items_.push_back({end, 0, item::counter, row, &r, {}});
        if (r.failed != 0)
            items_.push_back({end, 0, item::instant, row, &r, "violation: " + failed_checks(r.failed)});
    }

    /// An NMI carries the time of its raise; the raise that has that time and that vCPU is where its arrow begins.
    void join_raises()
    {
        std::map<std::pair<int, std::uint64_t>, const trace_record*> raises;
        for (const trace_row& row : report_.trace)
            for (const trace_record& r : row.records)
                if (r.kind == trace_kind::raise)
                    raises[{r.value, r.begin_ns}] = &r;
        std::uint64_t id = 0;
        for (const trace_row& row : report_.trace)
            for (const trace_record& r : row.records)
                if (r.kind == trace_kind::nmi && r.begin_ns >= report_.start_ns)
                    if (const auto found = raises.find({row.cpu, r.raised_ns});
                        found != raises.end() && found->second->begin_ns >= report_.start_ns)
                        arrows_[&r] = arrows_[found->second] = ++id;
    }

    /// The sentence of the report, at its time, also where no NMI of the timeline failed (control side, workload).
    void first_violations()
    {
        for (const check_report& c : report_.checks)
            if (c.failures != 0)
                items_.push_back({static_cast<std::uint64_t>(c.first_at_s * 1e9 + 0.5), 0, item::instant,
                                  c.first_cpu < 0 ? controller_row : first_vcpu_row + c.first_cpu, nullptr,
                                  fmt::format("first violation: {}: {}", nmisim::name_of(c.id), c.first)});
    }

    void collect()
    {
        std::map<std::uint64_t, const trace_record*> published;
        for (const trace_row& row : report_.trace) {
            const int number = row_number(row.thread, row.cpu);
            for (const trace_record& r : row.records) {
                collect(r, number);
                if (r.kind == trace_kind::publish)
                    published[r.generation] = &r;
            }
        }
        for (const trace_row& row : report_.trace)
            if (row.thread == trace_row::what::reclaimer)
                for (const trace_record& r : row.records)
                    if (const auto p = published.find(r.generation + 1);
                        p != published.end() && p->second->begin_ns >= report_.start_ns)
                        swaps_elsewhere_[r.generation] = p->second;
        join_raises();
        first_violations();
        std::stable_sort(items_.begin(), items_.end());
    }

    void metadata()
    {
        std::uint64_t kept = 0, lost = 0;
        json_value rows = json_value::array();
        for (const trace_row& row : report_.trace) {
            kept += row.records.size();
            lost += row.lost;
            rows.push_back(
                json_value{{"row", row_name(row)}, {"records", row.records.size()}, {"lost", row.lost}});
        }
        events_.emplace(json_value{{"tool", fmt::format("nmi-sim {}", tool_version)},
                                   {"repeat", context_.repeat},
                                   {"started", context_.started},
                                   {"seed", report_.config.seed},
                                   {"zero", "the first raise"},
                                   {"records", kept},
                                   {"lost", lost},
                                   {"rows", rows}});
        events_->name_process(only_process, context_.repeat);
        events_->name_row(only_process, controller_row, "controller");
        for (const trace_row& row : report_.trace)
            if (row.thread == trace_row::what::injector || row.thread == trace_row::what::reclaimer)
                events_->name_row(only_process, row_number(row.thread, row.cpu), row_name(row));
        for (const cpu_report& c : report_.cpus)
            events_->name_row(only_process, first_vcpu_row + c.cpu,
                              fmt::format("vCPU {}", c.cpu) +
                                  (c.pinned_to < 0 ? "" : fmt::format(" (CPU {})", c.pinned_to)));
    }

    void nmi(const item& i)
    {
        const trace_record& r = *i.record;
        std::string more =
            fmt::format(",\"dur\":{},\"args\":{{\"in_flight\":{}", trace_microseconds(i.length_ns), r.value);
        if (r.generation != 0)
            more += fmt::format(",\"generation\":{},\"age\":{}", r.generation, r.age);
        if (r.raised_ns != 0 && r.begin_ns >= r.raised_ns)
            more += fmt::format(",\"latency_us\":{}", trace_microseconds(r.begin_ns - r.raised_ns));
        if (r.failed != 0)
            more += fmt::format(",\"failed\":\"{}\"", failed_checks(r.failed));
        event('X', name_of(r.outcome), i.at_ns, i.row, more + "}");
        if (const auto a = arrows_.find(&r); a != arrows_.end())
            arrow('f', "raise", i.at_ns, i.row, a->second);
    }

    void slice(const item& i)
    {
        const trace_record& r = *i.record;
        if (r.kind == trace_kind::nmi)
            return nmi(i);
        std::string more = fmt::format(",\"dur\":{}", trace_microseconds(i.length_ns));
        if (r.kind == trace_kind::raise)
            more += fmt::format(",\"args\":{{\"vcpu\":{}}}", r.value);
        else if (r.generation != 0)
            more += fmt::format(",\"args\":{{\"generation\":{},\"waiting\":{}}}", r.generation, r.value);
        event('X', name_of(r.kind), i.at_ns, i.row, more);
        if (const auto a = arrows_.find(&r); a != arrows_.end())
            arrow('s', "raise", i.at_ns, i.row, a->second);
        if (r.kind == trace_kind::publish && swaps_elsewhere_.contains(r.generation - 1))
            arrow('s', "call_rcu", i.at_ns, i.row, r.generation - 1);
        if (i.row == reclaimer_row && swaps_elsewhere_.contains(r.generation))
            arrow('f', "call_rcu", i.at_ns, i.row, r.generation);
    }

    void counter(const item& i)
    {
        const trace_record& r = *i.record;
        if (r.kind != trace_kind::nmi)
            return event('C', "waiting for reclaim", i.at_ns, i.row,
                         fmt::format(",\"args\":{{\"handlers\":{}}}", r.value));
        const auto last = in_flight_.find(i.row);
        if (last != in_flight_.end() && last->second == r.value)
            return;
        in_flight_[i.row] = r.value;
        event('C', fmt::format("in flight, vCPU {}", i.row - first_vcpu_row), i.at_ns, i.row,
              fmt::format(",\"args\":{{\"NMIs\":{}}}", r.value));
    }

    const run_report& report_;
    const report_context& context_;
    std::vector<item> items_;
    std::map<const trace_record*, std::uint64_t>
        arrows_; ///< raise and NMI that belong together have one number
    std::map<std::uint64_t, const trace_record*>
        swaps_elsewhere_;                    ///< generation waited for: reclaimed in another row
    std::map<int, std::uint64_t> in_flight_; ///< as last written, per row
    std::optional<trace_events> events_;
};

} // namespace

std::string trace_json(const run_report& report, const report_context& context)
{
    return writer(report, context).write();
}

} // namespace nmisim
