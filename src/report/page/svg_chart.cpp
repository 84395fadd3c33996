// SPDX-License-Identifier: MIT
#include "report/page/svg_chart.hpp"

#include "report/page/markup.hpp"
#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace nmisim {
namespace {

using sink = std::back_insert_iterator<std::string>;

constexpr double width = 360;
constexpr double left = 40; // labels of the y axis
constexpr double right = 8;
constexpr double plot = width - left - right;

std::string open_svg(std::string_view title, double height)
{
    return fmt::format(
        R"(<figure><figcaption>{0}</figcaption><svg viewBox="0 0 {1} {2:.0f}" role="img" aria-label="{0}">)"
        "\n",
        escaped(title), width, height);
}

std::string close_svg()
{
    return "</svg></figure>\n";
}

void text(sink out, double x, double y, std::string_view anchor, std::string_view css, std::string_view what)
{
    fmt::format_to(out, R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y, anchor,
                   css, escaped(what));
}

void box(sink out, double x, double y, double w, double h, std::string_view css, std::string_view hover)
{
    fmt::format_to(
        out,
        R"(<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>)"
        "\n",
        css, x, y, w, h, escaped(hover));
}

void line(sink out, double x1, double y1, double x2, double y2, std::string_view css)
{
    fmt::format_to(out, R"(<path class="{}" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>)", css, x1, y1, x2, y2);
}

std::string percent(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0
               ? "-"
               : fmt::format("{:.3g} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

/// 1, 2 or 5 times a power of ten, not below `value`.
double round_up(double value)
{
    if (value <= 0)
        return 1;
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0})
        if (step * power >= value)
            return step * power;
    return 10 * power;
}

struct histogram_frame {
    static constexpr double top = 46, height = 110, bottom = top + height;
    double first; ///< log2 of the least time
    double octaves;
    double decades;
    double x(double ns) const { return left + plot * (std::log2(std::max(ns, 1.0)) - first) / octaves; }
    double y(double n) const
    {
        return bottom - height * (std::log10(n) + 0.3) / (decades + 0.3);
    } // 1 is seen
};

void histogram_axes(sink out, const histogram_frame& f)
{
    for (int d = 0; d <= static_cast<int>(f.decades); ++d) {
        const double n = std::pow(10, d);
        line(out, left, f.y(n), width - right, f.y(n), "grid");
        text(out, left - 5, f.y(n) + 3.5, "end", "axis", short_number_text(n));
    }
    const double octaves_a_label = std::ceil(f.octaves / 6);
    for (double o = std::ceil(f.first); o <= f.first + f.octaves; o += octaves_a_label) {
        const double x = left + plot * (o - f.first) / f.octaves;
        line(out, x, f.bottom, x, f.bottom + 4, "tick");
        text(out, x, f.bottom + 15, x > width - 24 ? "end" : "middle", "axis",
             time_text(static_cast<std::uint64_t>(std::exp2(o))));
    }
    line(out, left, f.bottom, width - right, f.bottom, "tick");
}

void percentiles(sink out, const histogram_frame& f, const latency& l)
{
    struct mark {
        const char* name;
        std::uint64_t ns;
    };
    const mark marks[] = {{"p50", l.percentile_ns(0.5)}, {"p99", l.percentile_ns(0.99)}, {"max", l.max_ns}};
    double free_from[3] = {0, 0, 0};
    for (const mark& m : marks) {
        const double x = f.x(static_cast<double>(m.ns));
        const std::string label = fmt::format("{} {}", m.name, time_text(m.ns));
        const double w = 6.8 * static_cast<double>(label.size());
        const double begin = std::clamp(x - w / 2, left - 20, width - w - 2);
        std::size_t row = 0; // beside the one before it, or below
        while (row < 2 && begin < free_from[row])
            ++row;
        free_from[row] = begin + w + 6;
        const bool at_edge = x + w / 2 > width - 2; // how wide a letter is, is the font's to say
        text(out, at_edge ? width - 2 : begin, 12 + 12 * static_cast<double>(row), at_edge ? "end" : "start",
             "mark", label);
        line(out, x, 15 + 12 * static_cast<double>(row), x, f.bottom, "marker");
    }
}

} // namespace

std::string histogram_chart(std::string_view title, const latency& l)
{
    std::string svg = open_svg(fmt::format("{}, {} samples", title, count_text(l.count)), 180);
    const sink out = std::back_inserter(svg);
    if (l.count == 0) {
        text(out, width / 2, 90, "middle", "axis", "nothing was measured");
        return svg + close_svg();
    }
    int first = histogram_bucket(l.min_ns);
    int last = histogram_bucket(l.max_ns);
    first = std::max(0, first - 2);
    last = std::min(histogram_buckets - 1, last + 2);
    const std::uint64_t most = *std::max_element(l.buckets.begin(), l.buckets.end());
    const auto from = static_cast<double>(std::max<std::uint64_t>(histogram_floor(first), 1));
    const auto to = static_cast<double>(std::max<std::uint64_t>(histogram_floor(last + 1), 2));
    const histogram_frame f{std::log2(from), std::log2(to / from),
                            std::max(1.0, std::ceil(std::log10(static_cast<double>(most))))};
    histogram_axes(out, f);
    for (int i = first; i <= last; ++i) {
        const std::uint64_t n = l.buckets[static_cast<std::size_t>(i)];
        if (n == 0)
            continue;
        const double x1 = f.x(static_cast<double>(histogram_floor(i)));
        const double x2 = f.x(static_cast<double>(histogram_floor(i + 1)));
        const double y = f.y(static_cast<double>(n));
        box(out, x1, y, std::max(x2 - x1 - 0.4, 1.0), f.bottom - y, "bar",
            fmt::format("{} to {}: {} ({})", time_text(histogram_floor(i)), time_text(histogram_floor(i + 1)),
                        count_text(n), percent(n, l.count)));
    }
    percentiles(out, f, l);
    return svg + close_svg();
}

std::string rate_chart(std::string_view title, const std::vector<run_progress>& samples,
                       const std::vector<series>& all)
{
    constexpr double top = 22, height = 110, bottom = top + height;
    std::string svg = open_svg(title, 158);
    const sink out = std::back_inserter(svg);
    if (samples.empty() || samples.back().elapsed_ns == 0) {
        text(out, width / 2, 80, "middle", "axis", "the run was too short");
        return svg + close_svg();
    }
    const auto rate = [&](std::size_t i, const series& s) {
        const run_progress before = i == 0 ? run_progress{} : samples[i - 1];
        const double seconds = static_cast<double>(samples[i].elapsed_ns - before.elapsed_ns) / 1e9;
        return seconds <= 0 ? 0.0
                            : static_cast<double>(samples[i].*s.cumulated - before.*s.cumulated) / seconds;
    };
    // A last sample that stands for a sliver of time says nothing about a rate.
    std::size_t count = samples.size();
    if (count > 2 && samples[count - 1].elapsed_ns - samples[count - 2].elapsed_ns < 20'000'000)
        --count;
    double most = 1;
    for (const series& s : all)
        for (std::size_t i = 0; i < count; ++i)
            most = std::max(most, rate(i, s));
    most = round_up(most);
    const auto end_ns = static_cast<double>(samples[count - 1].elapsed_ns);
    const auto x = [&](std::uint64_t ns) { return left + plot * static_cast<double>(ns) / end_ns; };
    const auto y = [&](double value) { return bottom - height * value / most; };
    for (const double share : {0.0, 0.5, 1.0}) {
        line(out, left, y(share * most), width - right, y(share * most), share == 0 ? "tick" : "grid");
        text(out, left - 5, y(share * most) + 3.5, "end", "axis", short_number_text(share * most));
    }
    double legend = left;
    for (const series& s : all) {
        fmt::format_to(
            out,
            R"(<rect class="{0}" x="{1:.0f}" y="5" width="9" height="9"/><text x="{2:.0f}" y="13">{3}</text>)",
            s.css, legend, legend + 13, escaped(s.name));
        legend += 13 + 6.2 * static_cast<double>(s.name.size()) + 14;
        fmt::format_to(out, R"(<path class="line {}" d="M)", s.css);
        for (std::size_t i = 0; i < count; ++i) // a step for each interval: the rate is its mean
            fmt::format_to(out, "{}{:.1f} {:.1f}H{:.1f}", i == 0 ? "" : "L",
                           x(i == 0 ? 0 : samples[i - 1].elapsed_ns), y(rate(i, s)),
                           x(samples[i].elapsed_ns));
        fmt::format_to(out, "\"/>\n");
    }
    for (std::size_t i = 0; i < count; ++i) {
        std::string hover = fmt::format("to {}", time_text(samples[i].elapsed_ns));
        for (const series& s : all)
            hover += fmt::format("\n{} {}/s", s.name, short_number_text(rate(i, s)));
        const double x1 = x(i == 0 ? 0 : samples[i - 1].elapsed_ns);
        box(out, x1, top, x(samples[i].elapsed_ns) - x1, height, "hover", hover);
    }
    for (const double share : {0.0, 0.5, 1.0})
        text(out, left + plot * share, bottom + 15,
             share == 0   ? "start"
             : share == 1 ? "end"
                          : "middle",
             "axis", time_text(static_cast<std::uint64_t>(end_ns * share)));
    return svg + close_svg();
}

std::string age_chart(const std::array<std::uint64_t, 3>& ages)
{
    struct row {
        const char* name;
        const char* what;
        const char* css;
    };
    static constexpr row rows[] = {
        {"0", "the handler was current", "bar"},
        {"1", "unpublished while it ran: the grace period waited", "bar second"},
        {"2 or more", "used after its grace period: must be 0", "bar bad"},
    };
    const std::uint64_t all = ages[0] + ages[1] + ages[2];
    std::string svg = open_svg(fmt::format("Handler age, {} handler calls", count_text(all)), 130);
    const sink out = std::back_inserter(svg);
    for (std::size_t i = 0; i < ages.size(); ++i) {
        const double y = 6 + 42 * static_cast<double>(i);
        const double share = all == 0 ? 0 : static_cast<double>(ages[i]) / static_cast<double>(all);
        text(out, 2, y + 10, "start", "mark", fmt::format("{}: {}", rows[i].name, count_text(ages[i])));
        text(out, width - 2, y + 10, "end", "axis", rows[i].what);
        fmt::format_to(out, R"(<rect class="track" x="2" y="{:.1f}" width="{}" height="14"/>)", y + 15,
                       width - 4);
        if (ages[i] != 0)
            box(out, 2, y + 15, std::max((width - 4) * share, 2.0), 14, rows[i].css,
                fmt::format("age {}: {} ({})", rows[i].name, count_text(ages[i]), percent(ages[i], all)));
    }
    return svg + close_svg();
}

std::string balance_chart(const std::vector<cpu_report>& cpus)
{
    struct part {
        const char* name;
        const char* css;
        std::uint64_t cpu_report::*count;
    };
    static constexpr part parts[] = {{"handled", "bar", &cpu_report::handled},
                                     {"coalesced", "bar second", &cpu_report::coalesced},
                                     {"rejected", "bar bad", &cpu_report::rejected},
                                     {"offline", "bar idle", &cpu_report::offline}};
    constexpr double begin = 58; // room for "vCPU 4095"
    constexpr std::size_t shown_at_most = 64;
    const std::size_t shown = std::min(cpus.size(), shown_at_most);
    std::uint64_t most = 1;
    for (const cpu_report& c : cpus)
        most = std::max(most, c.raised);
    std::string svg = open_svg(
        shown == cpus.size() ? "What became of each vCPU's raises"
                             : fmt::format("What became of the raises of {} of {} vCPUs", shown, cpus.size()),
        26 + 20 * static_cast<double>(shown));
    const sink out = std::back_inserter(svg);
    double legend = 2;
    for (const part& p : parts) {
        fmt::format_to(
            out,
            R"(<rect class="{0}" x="{1:.0f}" y="4" width="9" height="9"/><text x="{2:.0f}" y="12">{3}</text>)",
            p.css, legend, legend + 13, p.name);
        legend += 13 + 6.2 * static_cast<double>(std::string_view(p.name).size()) + 14;
    }
    for (std::size_t i = 0; i < shown; ++i) {
        const cpu_report& c = cpus[i];
        const double y = 24 + 20 * static_cast<double>(i);
        text(out, begin - 5, y + 10, "end", "axis", fmt::format("vCPU {}", c.cpu));
        double x = begin;
        for (const part& p : parts) {
            const double w =
                (width - right - begin) * static_cast<double>(c.*p.count) / static_cast<double>(most);
            if (c.*p.count != 0)
                box(out, x, y, std::max(w, 1.0), 14, p.css,
                    fmt::format("vCPU {}: {} of {} {} ({})", c.cpu, count_text(c.*p.count),
                                count_text(c.raised), p.name, percent(c.*p.count, c.raised)));
            x += w;
        }
    }
    return svg + close_svg();
}

} // namespace nmisim
