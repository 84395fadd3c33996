// SPDX-License-Identifier: MIT
#include "report/page/swap_timeline.hpp"

#include "report/page/markup.hpp"
#include "report/units.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace nmisim {
namespace {

constexpr double full_width = 760;
constexpr double label_room = 78;
constexpr double plot = full_width - label_room - 10;
constexpr double row_height = 34;
constexpr double top = 40;
constexpr std::size_t most_vcpus = 12;

/// The records of one swap, wherever they were written.
struct chosen_swap {
    const trace_record* publish = nullptr;
    const trace_record* grace_period = nullptr; ///< null: left out, or not known (call_rcu)
    const trace_record* reclaim = nullptr;
    const trace_record* culprit = nullptr; ///< the NMI that violated a check
    int culprit_cpu = -1;
    std::uint64_t old_generation() const { return publish->generation - 1; }
    std::uint64_t end_ns() const
    {
        std::uint64_t end = publish->end_ns;
        for (const trace_record* r : {grace_period, reclaim})
            if (r != nullptr)
                end = std::max(end, r->end_ns);
        return end;
    }
};

std::uint64_t distance(std::uint64_t a, std::uint64_t b)
{
    return a > b ? a - b : b - a;
}

class chooser {
public:
    explicit chooser(const run_report& r) : report_(r) {}

    std::optional<chosen_swap> choose()
    {
        chosen_swap s;
        const auto violation = first_violation(s);
        for_each(trace_kind::publish, [&](const trace_record& r) {
            if (r.generation > 1 && (s.publish == nullptr || is_better(r, *s.publish, s, violation)))
                s.publish = &r;
        });
        if (s.publish == nullptr)
            return std::nullopt;
        s.grace_period = find(trace_kind::grace_period, s.old_generation());
        s.reclaim = find(trace_kind::reclaim, s.old_generation());
        return s;
    }

private:
    template <class F>
    void for_each(trace_kind kind, F f) const
    {
        for (const trace_row& row : report_.trace)
            for (const trace_record& r : row.records)
                if (r.kind == kind && r.begin_ns >= report_.start_ns)
                    f(r);
    }
    const trace_record* find(trace_kind kind, std::uint64_t generation) const
    {
        const trace_record* found = nullptr;
        for_each(kind, [&](const trace_record& r) {
            if (r.generation == generation)
                found = &r;
        });
        return found;
    }

    /// When it was; the NMI that did it, if the timeline has it.
    std::optional<std::uint64_t> first_violation(chosen_swap& s) const
    {
        for (const trace_row& row : report_.trace)
            for (const trace_record& r : row.records)
                if (r.failed != 0 && (s.culprit == nullptr || r.begin_ns < s.culprit->begin_ns)) {
                    s.culprit = &r;
                    s.culprit_cpu = row.cpu;
                }
        if (s.culprit != nullptr)
            return s.culprit->end_ns;
        std::optional<std::uint64_t> at;
        for (const check_report& c : report_.checks)
            if (c.failures != 0)
                at = std::min(at.value_or(UINT64_MAX),
                              report_.start_ns + static_cast<std::uint64_t>(c.first_at_s * 1e9));
        return at;
    }

    /// The swap that retired the handler that the culprit used; else the nearest in time; else the slowest.
    bool is_better(const trace_record& a, const trace_record& b, const chosen_swap& s,
                   const std::optional<std::uint64_t>& violation) const
    {
        if (s.culprit != nullptr && s.culprit->age != 0) {
            const std::uint64_t wanted = s.culprit->generation + 1;
            return distance(a.generation, wanted) < distance(b.generation, wanted);
        }
        if (violation)
            return distance(a.begin_ns, *violation) < distance(b.begin_ns, *violation);
        return waited_ns(a) > waited_ns(b);
    }
    std::uint64_t waited_ns(const trace_record& publish) const
    {
        const auto found = waited_.find(publish.generation - 1);
        return found == waited_.end() ? 0 : found->second;
    }

    const run_report& report_;
    std::map<std::uint64_t, std::uint64_t> waited_ = [this] {
        std::map<std::uint64_t, std::uint64_t> waited;
        for_each(trace_kind::grace_period,
                 [&](const trace_record& r) { waited[r.generation] = r.end_ns - r.begin_ns; });
        return waited;
    }();
};

struct frame {
    std::uint64_t from_ns, to_ns, zero_ns;
    double x(std::uint64_t ns) const
    {
        const std::uint64_t at = std::clamp(ns, from_ns, to_ns);
        return label_room + plot * static_cast<double>(at - from_ns) / static_cast<double>(to_ns - from_ns);
    }
    bool shows(const trace_record& r) const { return r.end_ns >= from_ns && r.begin_ns <= to_ns; }
};

std::string relative_text(std::uint64_t ns, std::uint64_t zero_ns)
{
    return (ns < zero_ns ? "-" : "+") + time_text(distance(ns, zero_ns));
}

void slice(picture& p, const frame& f, const trace_record& r, double y, double h, std::string_view css,
           std::string_view name, std::string_view hover)
{
    const double x = f.x(r.begin_ns);
    const double w = std::max(f.x(r.end_ns) - x, 2.0);
    p.box(x, y, w, h, css,
          fmt::format("{}\nbegins {}, takes {}", hover, relative_text(r.begin_ns, f.zero_ns),
                      time_text(r.end_ns - r.begin_ns)));
    if (w > 6.4 * static_cast<double>(name.size()))
        p.text(x + 3, y + h / 2 + 4, "start", "in", name);
}

void row_label(picture& p, double y, std::string_view name)
{
    p.text(label_room - 8, y + 21, "end", "axis", name);
    p.box(label_room, y, plot, row_height - 6, "track");
}

void nmi(picture& p, const frame& f, const trace_record& r, double y, const chosen_swap& s)
{
    const bool old = r.generation <= s.old_generation();
    const char* css = r.failed != 0       ? "slice bad"
                      : r.generation == 0 ? "slice idle"
                      : old               ? "slice old"
                                          : "slice new";
    const bool waited = r.raised_ns != 0 && r.raised_ns < r.begin_ns;
    if (waited) // the whisker: from the raise to the first instruction
        p.path("whisker", fmt::format("M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} {3:.1f}v8", f.x(r.raised_ns),
                                      f.x(r.begin_ns), y + 14, y + 10));
    std::string hover = r.generation == 0 ? "NMI without a checked handler"
                                          : fmt::format("NMI ran generation {}, age {}", r.generation, r.age);
    for (std::size_t i = 0; i < check_count; ++i)
        if ((r.failed >> i & 1) != 0)
            hover += fmt::format("\nviolates {}", check_names[i]);
    if (waited)
        hover += fmt::format("\nraised {} before", time_text(r.begin_ns - r.raised_ns));
    slice(p, f, r, y + 3, row_height - 12, css, fmt::format("{}", r.generation), hover);
}

void time_axis(picture& p, const frame& f, double height)
{
    const std::uint64_t span = f.to_ns - f.from_ns;
    std::uint64_t step = 1;
    for (const std::uint64_t factor : {2, 5, 10, 20, 50, 100, 200, 500, 1000})
        for (std::uint64_t unit = 1; unit < 10'000'000'000; unit *= 1000)
            if (const std::uint64_t s = factor * unit; span / s >= 4 && s > step)
                step = s;
    for (std::uint64_t n = 0; f.x(f.zero_ns + n) <= full_width - 30 && f.zero_ns + n <= f.to_ns; n += step) {
        const double x = f.x(f.zero_ns + n);
        p.line(x, top - 4, x, height - 20, "grid");
        p.text(x, height - 6, "middle", "axis", n == 0 ? "publish" : "+" + time_text(n));
    }
}

/// The swap with a margin on both sides, and the NMIs that it is about.
frame frame_of(const chosen_swap& s)
{
    std::uint64_t from = s.publish->begin_ns, to = s.end_ns();
    if (s.culprit != nullptr) {
        from = std::min(from, s.culprit->begin_ns);
        to = std::max(to, s.culprit->end_ns);
    }
    const std::uint64_t margin = std::max<std::uint64_t>((to - from) / 4, 2'000);
    return {from > margin ? from - margin : 0, to + margin, s.publish->begin_ns};
}

picture draw(const run_report& report, const chosen_swap& s, std::string title)
{
    const frame f = frame_of(s);
    std::vector<const trace_row*> vcpus;
    for (const trace_row& row : report.trace)
        if (row.thread == trace_row::what::vcpu && (vcpus.size() < most_vcpus || row.cpu == s.culprit_cpu) &&
            std::any_of(row.records.begin(), row.records.end(),
                        [&](const trace_record& r) { return r.kind == trace_kind::nmi && f.shows(r); }))
            vcpus.push_back(&row);
    const double height = top + row_height * static_cast<double>(1 + vcpus.size()) + 26;
    const std::uint64_t old = s.old_generation(), generation = s.publish->generation;
    picture p(std::move(title), full_width, height, "wide");
    p.legend(label_room, 18,
             {{"slice old", fmt::format("NMI ran the old handler (generation {})", old)},
              {"slice new", fmt::format("the new one ({})", generation)},
              {"slice bad", "violated a check"}});
    row_label(p, top, "controller");
    for (std::size_t i = 0; i < vcpus.size(); ++i)
        row_label(p, top + row_height * static_cast<double>(i + 1), fmt::format("vCPU {}", vcpus[i]->cpu));
    time_axis(p, f, height);
    slice(p, f, *s.publish, top, row_height - 6, "slice new", "publish",
          fmt::format("publish generation {}", generation));
    if (s.grace_period != nullptr)
        slice(p, f, *s.grace_period, top, row_height - 6, "slice wait", "grace period",
              fmt::format("grace period: waits for every NMI that may use generation {}", old));
    if (s.reclaim != nullptr)
        slice(p, f, *s.reclaim, top, row_height - 6, "slice reclaim", "reclaim",
              fmt::format("generation {} is reclaimed", old));
    for (std::size_t i = 0; i < vcpus.size(); ++i)
        for (const trace_record& r : vcpus[i]->records)
            if (r.kind == trace_kind::nmi && f.shows(r))
                nmi(p, f, r, top + row_height * static_cast<double>(i + 1), s);
    return p;
}

} // namespace

std::optional<swap_picture> swap_timeline(const run_report& report)
{
    const auto s = chooser(report).choose();
    if (!s)
        return std::nullopt;
    const bool violated =
        s->culprit != nullptr || std::any_of(report.checks.begin(), report.checks.end(),
                                             [](const check_report& c) { return c.failures != 0; });
    const double at_s = static_cast<double>(s->publish->begin_ns - report.start_ns) / 1e9;
    return swap_picture{
        draw(report, *s,
             violated ? "The swap nearest to the first violation" : "The swap with the longest grace period"),
        fmt::format("Generation {} replaces {} at {:.6f}s. ", s->publish->generation, s->old_generation(),
                    at_s) +
            (s->culprit == nullptr
                 ? "After the grace period no NMI can hold the old handler; the line before an NMI leads "
                   "back to "
                   "its raise."
                 : fmt::format("The NMI in red, on vCPU {}, ran generation {} and violated a check.",
                               s->culprit_cpu, s->culprit->generation))};
}

} // namespace nmisim
