// SPDX-License-Identifier: MIT
#include "report/page/charts.hpp"

#include "report/units.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace nmisim {
namespace {

constexpr double width = 360;
constexpr double left = 40; // labels of the value axis
constexpr double right = width - 8;

picture nothing(std::string title, double height, std::string_view why)
{
    picture p(std::move(title), width, height);
    p.text(width / 2, height / 2, "middle", "axis", why);
    return p;
}

/// A line across for each value, with its label.
template <class Text>
void value_axis(picture& p, const scale& y, const std::vector<double>& values, Text text_of)
{
    for (const double v : values) {
        p.line(left, y(v), right, y(v), y(v) == y.begin ? "tick" : "grid");
        p.text(left - 5, y(v) + 3.5, "end", "axis", text_of(v));
    }
}

std::vector<double> powers_of_ten(double low, double high)
{
    std::vector<double> all;
    for (double power = low; power <= high; ++power)
        all.push_back(std::pow(10, power));
    return all;
}

/// 1, 2 or 5 times a power of ten, not below `value`.
double round_up(double value)
{
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0})
        if (step * power >= value)
            return step * power;
    return 10 * power;
}

void mark_percentiles(picture& p, const scale& x, double bottom, const latency& l)
{
    const std::pair<const char*, std::uint64_t> marks[] = {
        {"p50", l.percentile_ns(0.5)}, {"p99", l.percentile_ns(0.99)}, {"max", l.max_ns}};
    double free_from[3] = {0, 0, 0};
    for (const auto& [name, ns] : marks) {
        const double at = x(static_cast<double>(ns));
        const std::string label = fmt::format("{} {}", name, time_text(ns));
        const double w = 6.8 * static_cast<double>(label.size());
        const double begin = std::clamp(at - w / 2, left - 20, width - w - 2);
        std::size_t row = 0; // beside the one before it, or below
        while (row < 2 && begin < free_from[row])
            ++row;
        free_from[row] = begin + w + 6;
        const bool at_edge = at + w / 2 > width - 2; // how wide a letter is, is the font's to say
        const double y = 12 + 12 * static_cast<double>(row);
        p.text(at_edge ? width - 2 : begin, y, at_edge ? "end" : "start", "mark", label);
        p.line(at, y + 3, at, bottom, "marker");
    }
}

} // namespace

std::string percent_text(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0
               ? "-"
               : fmt::format("{:.3g} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

picture histogram_chart(std::string_view title, const latency& l)
{
    const std::string name = fmt::format("{}, {} samples", title, count_text(l.count));
    if (l.count == 0)
        return nothing(name, 180, "nothing was measured");
    picture p(name, width, 180);
    const auto floor_of = [](int bucket) {
        return std::max(static_cast<double>(histogram_floor(bucket)), 1.0);
    };
    const int first = std::max(0, histogram_bucket(l.min_ns) - 2);
    const int last = std::min(histogram_buckets - 1, histogram_bucket(l.max_ns) + 2);
    const auto most = static_cast<double>(*std::max_element(l.buckets.begin(), l.buckets.end()));
    const double decades = std::max(1.0, std::ceil(std::log10(most)));
    const scale x{std::log10(floor_of(first)), std::log10(floor_of(last + 1)), left, right, true};
    const scale y{-0.3, decades, 156, 46, true}; // a count of 1 is seen
    value_axis(p, y, powers_of_ten(0, decades), short_number_text);
    const double octaves = (x.high - x.low) / std::log10(2);
    for (double o = std::ceil(std::log2(floor_of(first))); std::exp2(o) <= floor_of(last + 1);
         o += std::ceil(octaves / 6)) {
        const double at = x(std::exp2(o));
        p.line(at, y.begin, at, y.begin + 4, "tick");
        p.text(at, y.begin + 15, at > width - 24 ? "end" : "middle", "axis",
               time_text(static_cast<std::uint64_t>(std::exp2(o))));
    }
    p.line(left, y.begin, right, y.begin, "tick");
    for (int i = first; i <= last; ++i)
        if (const std::uint64_t n = l.buckets[static_cast<std::size_t>(i)]; n != 0) {
            const double from = x(floor_of(i));
            const double top = y(static_cast<double>(n));
            p.box(from, top, std::max(x(floor_of(i + 1)) - from - 0.4, 1.0), y.begin - top, "bar",
                  fmt::format("{} to {}: {} ({})", time_text(histogram_floor(i)),
                              time_text(histogram_floor(i + 1)), count_text(n), percent_text(n, l.count)));
        }
    mark_percentiles(p, x, y.begin, l);
    return p;
}

picture rate_chart(std::string_view title, const std::vector<run_progress>& samples,
                   const std::vector<series>& all)
{
    const std::string name(title);
    if (samples.empty() || samples.back().elapsed_ns == 0)
        return nothing(name, 158, "the run was too short");
    // A last sample of very short time says nothing about a rate.
    std::size_t count = samples.size();
    if (count > 2 && samples[count - 1].elapsed_ns - samples[count - 2].elapsed_ns < 20'000'000)
        --count;
    const auto begin_ns = [&](std::size_t i) { return i == 0 ? 0 : samples[i - 1].elapsed_ns; };
    const auto rate = [&](std::size_t i, const series& s) {
        const std::uint64_t before = i == 0 ? 0 : samples[i - 1].*s.cumulated;
        const double seconds = static_cast<double>(samples[i].elapsed_ns - begin_ns(i)) / 1e9;
        return seconds <= 0 ? 0.0 : static_cast<double>(samples[i].*s.cumulated - before) / seconds;
    };
    double most = 1;
    for (const series& s : all)
        for (std::size_t i = 0; i < count; ++i)
            most = std::max(most, rate(i, s));
    most = round_up(most);
    picture p(name, width, 158);
    const auto end_ns = static_cast<double>(samples[count - 1].elapsed_ns);
    const scale time{0, end_ns, left, right};
    const scale y{0, most, 132, 22};
    const auto x = [&](std::uint64_t ns) { return time(static_cast<double>(ns)); };
    value_axis(p, y, {0, most / 2, most}, short_number_text);
    std::vector<picture::entry> names;
    for (const series& s : all) {
        names.push_back({s.css, std::string(s.name)});
        std::string d;
        for (std::size_t i = 0; i < count; ++i) // a step for each interval: the rate is its mean
            d += fmt::format("{}{:.1f} {:.1f}H{:.1f}", i == 0 ? "M" : "L", x(begin_ns(i)), y(rate(i, s)),
                             x(samples[i].elapsed_ns));
        p.path("line " + std::string(s.css), d);
    }
    p.legend(left, 13, names);
    for (std::size_t i = 0; i < count; ++i) {
        std::string hover = fmt::format("to {}", time_text(samples[i].elapsed_ns));
        for (const series& s : all)
            hover += fmt::format("\n{} {}/s", s.name, short_number_text(rate(i, s)));
        p.box(x(begin_ns(i)), y.end, x(samples[i].elapsed_ns) - x(begin_ns(i)), y.begin - y.end, "hover",
              hover);
    }
    for (const auto& [share, anchor] : {std::pair{0.0, "start"}, {0.5, "middle"}, {1.0, "end"}})
        p.text(time(end_ns * share), y.begin + 15, anchor, "axis",
               time_text(static_cast<std::uint64_t>(end_ns * share)));
    return p;
}

picture bar_chart(std::string title, const std::vector<bar>& bars, const std::vector<picture::entry>& legend)
{
    constexpr double row = 30, thick = 10, room = width - 4;
    double y = legend.empty() ? 2 : 22;
    picture p(std::move(title), width, y + row * static_cast<double>(bars.size()));
    p.legend(2, 12, legend);
    for (const bar& b : bars) {
        p.text(2, y + 10, "start", "mark", b.name);
        p.text(width - 2, y + 10, "end", "axis", b.note);
        p.box(2, y + 14, room, thick, "track");
        double x = 2;
        for (const bar::part& part : b.parts) {
            p.box(x, y + 14, std::max(room * part.share, 2.0), thick, part.css, part.hover);
            x += room * part.share;
        }
        if (b.spread)
            p.line(2 + room * b.spread->first, y + 14 + thick / 2, 2 + room * b.spread->second,
                   y + 14 + thick / 2, "spread");
        y += row;
    }
    return p;
}

picture trend_chart(std::string title, const std::vector<point>& points, std::size_t runs,
                    const std::function<std::string(double)>& text_of, std::string_view first,
                    std::string_view last)
{
    if (points.empty())
        return nothing(std::move(title), 190, "nothing was measured");
    picture p(std::move(title), width, 190);
    const auto [least, most] = std::minmax_element(
        points.begin(), points.end(), [](const point& a, const point& b) { return a.value < b.value; });
    const double low = std::floor(std::log10(least->value));
    const double high = std::max(std::ceil(std::log10(most->value)), low + 1);
    const scale y{low, high, 166, 24, true};
    value_axis(p, y, powers_of_ten(low, high), text_of);
    std::map<std::string, std::map<std::size_t, std::vector<double>>> groups;
    std::vector<picture::entry> names;
    for (const point& one : points)
        groups[one.group][one.run].push_back(one.value);
    for (const auto& [group, values] : groups)
        names.push_back({group, group});
    p.legend(left, 12, names);
    const auto x = [&](std::size_t run, const std::string& group) { // groups stand side by side within a run
        const auto place = std::distance(groups.begin(), groups.find(group));
        const double shift =
            0.7 * ((static_cast<double>(place) + 0.5) / static_cast<double>(groups.size()) - 0.5);
        return left + (right - left) * (static_cast<double>(run) + 0.5 + shift) / static_cast<double>(runs);
    };
    for (const point& one : points)
        p.circle(x(one.run, one.group), y(one.value), one.group, one.hover);
    for (auto& [group, by_run] : groups) {
        std::string d;
        for (auto& [run, values] : by_run) {
            std::sort(values.begin(), values.end());
            const double middle = (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
            const double at = x(run, group);
            d += by_run.size() == 1 ? fmt::format("M{:.1f} {:.1f}h32", at - 16, y(middle))
                                    : fmt::format("{}{:.1f} {:.1f}", d.empty() ? "M" : "L", at, y(middle));
        }
        p.path("trend " + group, d, "median of " + group);
    }
    p.text(left, 184, "start", "axis", first);
    if (runs > 1)
        p.text(right, 184, "end", "axis", fmt::format("{}, {} runs", last, runs));
    return p;
}

} // namespace nmisim
