// SPDX-License-Identifier: MIT
//
// The map as a picture. Rows are the reader's boundaries from its first instruction to its last, columns the
// updater's; equal neighbours in a row are one rectangle, so that a map of 200 000 cells is a small file. Both
// axes carry the functions that the boundaries are in, and the measured critical section has a bracket.
//
// Colours differ in lightness as well as in hue, and come from CSS variables with a dark set.
#include "report/explore_report.hpp"
#include "report/page/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace nmisim::explore {

namespace {

using sink = std::back_insert_iterator<std::string>;

constexpr double left = 380;  // room for the reader's symbols
constexpr double top = 250;   // title, legend, the updater's symbols
constexpr double gap = 40;    // between the panels
constexpr double bottom = 60; // what it cannot show
constexpr double least_label = 11;

// Template arguments and namespaces take room that the axis has not.
std::string short_name(const place& p)
{
    std::string name = p.symbol.empty() ? p.object : p.symbol;
    if (const std::size_t open = name.find('<'); open != name.npos && open != 0)
        name.resize(open);
    for (const std::string_view prefix : {"nmisim::explore::", "nmisim::", "(anonymous namespace)::"})
        if (name.starts_with(prefix))
            name.erase(0, prefix.size());
    constexpr std::size_t longest = 34;
    if (name.size() > longest)
        name = name.substr(0, longest - 1) + "…";
    return name;
}

const char* css_class(cell c)
{
    switch (c) {
    case cell::ends: return "e";
    case cell::waits: return "w";
    case cell::violation: return "v";
    case cell::crash:
    case cell::hang: return "h";
    case cell::unexplored:
    case cell::not_reached: break;
    }
    return "n";
}

std::string at(const place& p)
{
    std::string t = name_of(p);
    if (!p.source.empty())
        t += " (" + p.source + ")";
    return t + (p.instruction.empty() ? "" : "  " + p.instruction);
}

struct geometry {
    double row;    ///< height of a reader boundary
    double column; ///< width of an updater boundary
    double width;  ///< of a panel
    double height;
    std::size_t columns;
    int panels;
};

geometry layout(const map_report& r)
{
    geometry g{};
    g.columns = r.full ? r.updater.size() : 1;
    g.panels = r.full ? 2 : 1;
    g.row = r.reader.empty() ? 1 : std::clamp(900.0 / static_cast<double>(r.reader.size()), 3.0, 18.0);
    g.column = r.full ? std::clamp(760.0 / static_cast<double>(g.columns), 0.5, 18.0) : 160;
    g.width = g.column * static_cast<double>(g.columns);
    g.height = g.row * static_cast<double>(r.reader.size());
    return g;
}

constexpr const char* style = R"(<style>
  svg { --bg:#ffffff; --fg:#1b1f24; --dim:#6a737d; --line:#d0d7de; --band:#f3f5f7;
        --ends:#dbe7f3; --waits:#2f6fb0; --violation:#d1242f; --stuck:#8250df; --none:#b8bec5;
        font-family: system-ui, "DejaVu Sans", sans-serif; background: var(--bg); }
  @media (prefers-color-scheme: dark) {
    svg { --bg:#0d1117; --fg:#e6edf3; --dim:#9198a1; --line:#3d444d; --band:#161b22;
          --ends:#243447; --waits:#6cb6ff; --violation:#ff6a69; --stuck:#d2a8ff; --none:#5a626b; } }
  text { fill: var(--fg); font-size: 11px; } .title { font-size: 18px; font-weight: 600; }
  .dim { fill: var(--dim); } .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 10px; }
  .bg { fill: var(--bg); } .band { fill: var(--band); } .axis { stroke: var(--line); fill: none; }
  .section { stroke: var(--fg); fill: none; stroke-width: 1.5; }
  .e { fill: var(--ends); } .w { fill: var(--waits); } .v { fill: var(--violation); } .h { fill: var(--stuck); }
  .n { fill: var(--none); } rect { shape-rendering: crispEdges; } rect:hover { stroke: var(--fg); stroke-width: 1; }
</style>
)";

void legend(sink out, const map_report& r)
{
    struct entry {
        const char* css;
        const char* text;
        std::size_t n;
    };
    const entry entries[] = {{"e", "ends: the grace period did not need this reader", r.count(cell::ends)},
                             {"w", "waits: the updater waited for the reader", r.count(cell::waits)},
                             {"v", "violation: a check failed", r.count(cell::violation)},
                             {"h", "crash or hang", r.count(cell::crash) + r.count(cell::hang)},
                             {"n", "not reached: another path", r.count(cell::not_reached)},
                             {"n", "unexplored", r.count(cell::unexplored)}};
    double x = 20;
    for (const entry& e : entries) {
        if (e.n == 0 && &e == std::end(entries) - 1)
            continue;
        const std::string text = fmt::format("{} ({})", e.text, e.n);
        fmt::format_to(
            out, R"(<rect class="{}" x="{}" y="72" width="14" height="14"/><text x="{}" y="83">{}</text>)",
            e.css, x, x + 19, text);
        x += 44 + 6.1 * static_cast<double>(text.size());
    }
    *out++ = '\n';
}

// Calls f(first, end) for each stretch of neighbouring boundaries in the same function.
template <class F>
void for_each_function(const std::vector<place>& places, const F& f)
{
    for (std::size_t first = 0; first < places.size();) {
        std::size_t end = first + 1;
        while (end < places.size() && short_name(places[end]) == short_name(places[first]))
            ++end;
        f(first, end);
        first = end;
    }
}

// A slanted label ends below the legend.
std::string fitting(std::string name)
{
    constexpr std::size_t room = 24;
    return name.size() <= room ? name : name.substr(0, room - 1) + "\u2026";
}

// A label is drawn where there is room for it since the last one.
void reader_axis(sink out, const map_report& r, const geometry& g)
{
    double free_from = 0;
    bool band = false;
    const double right = left + g.panels * g.width + (g.panels - 1) * gap;
    for_each_function(r.reader, [&](std::size_t first, std::size_t end) {
        const double y = top + g.row * static_cast<double>(first);
        const double h = g.row * static_cast<double>(end - first);
        if (band = !band; band)
            fmt::format_to(out, R"(<rect class="band" x="10" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", y,
                           right, h);
        if (g.row < least_label && y + h / 2 >= free_from) {
            fmt::format_to(out, R"(<text class="mono" x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
                           left - 26, y + h / 2 + 3.5, escaped(short_name(r.reader[first])));
            free_from = y + h / 2 + least_label;
        }
    });
    for (std::size_t i = 0; g.row >= least_label && i < r.reader.size(); ++i) {
        const place& p = r.reader[i];
        fmt::format_to(out, R"(<text class="mono" x="{}" y="{:.1f}" text-anchor="end">{}+{:#x}  {}</text>)",
                       left - 26, top + g.row * (static_cast<double>(i) + 0.7), escaped(short_name(p)),
                       p.offset, escaped(p.instruction.substr(0, 24)));
    }
    *out++ = '\n';
}

void updater_axis(sink out, const map_report& r, const geometry& g, double x0)
{
    double free_from = 0;
    for_each_function(r.updater, [&](std::size_t first, std::size_t end) {
        const double x = x0 + g.column * static_cast<double>(first);
        const double middle = x + g.column * static_cast<double>(end - first) / 2;
        if (middle < free_from)
            return;
        constexpr auto tick =
            R"x(<path class="axis" d="M{0:.1f} {1} v-6"/><text class="mono" transform="translate({2:.1f} {3}) rotate(-55)">{4}</text>)x";
        fmt::format_to(out, tick, middle, top, middle + 3, top - 9,
                       escaped(fitting(short_name(r.updater[first]))));
        free_from = middle + 13;
    });
    *out++ = '\n';
}

void panel(sink out, const map_report& r, const geometry& g, double x0, const std::vector<cell>& cells)
{
    for (std::size_t i = 0; i < r.reader.size() && !cells.empty(); ++i) // empty: the recording failed
        for (std::size_t first = 0; first < g.columns;) {
            const cell c = cells[i * g.columns + first];
            std::size_t end = first + 1;
            while (end < g.columns && cells[i * g.columns + end] == c)
                ++end;
            std::string where = "reader before " + at(r.reader[i]);
            if (r.full)
                where += fmt::format("\nupdater before {}{}", at(r.updater[first]),
                                     end - first == 1 ? "" : "\n        to before " + at(r.updater[end - 1]));
            fmt::format_to(
                out,
                R"(<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}: {}</title></rect>)"
                "\n",
                css_class(c), x0 + g.column * static_cast<double>(first),
                top + g.row * static_cast<double>(i), g.column * static_cast<double>(end - first),
                g.row - (g.row > 6 ? 1 : 0), name_of(c), escaped(where));
            first = end;
        }
    fmt::format_to(out,
                   R"(<rect class="axis" x="{}" y="{}" width="{:.1f}" height="{:.1f}"/>)"
                   "\n",
                   x0, top, g.width, g.height);
}

void critical_section(sink out, const map_report& r, const geometry& g)
{
    if (r.first_waiting < 0)
        return;
    const double y1 = top + g.row * r.first_waiting;
    const double y2 = top + g.row * (r.last_waiting + 1);
    fmt::format_to(
        out,
        R"(<path class="section" d="M{0} {1:.1f} h-8 V{2:.1f} h8"><title>read-side critical section: )"
        "first {3}, last {4}</title></path>\n",
        left - 6, y1, y2, escaped(at(r.reader[static_cast<std::size_t>(r.first_waiting)])),
        escaped(at(r.reader[static_cast<std::size_t>(r.last_waiting)])));
}

} // namespace

std::string to_svg(const map_report& r)
{
    const geometry g = layout(r);
    const double width = std::max(left + g.panels * g.width + (g.panels - 1) * gap + 130, 1180.0);
    std::string svg;
    const sink out = std::back_inserter(svg);
    fmt::format_to(out,
                   R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" )"
                   R"(height="{1:.0f}" role="img"><title>{2}</title>)"
                   "\n",
                   width, top + g.height + bottom, escaped(r.name));
    svg += style;
    fmt::format_to(
        out,
        R"(<rect class="bg" width="100%" height="100%"/>)"
        R"(<text class="title" x="20" y="32">{}: where the reader was paused, and what the updater did</text>)"
        R"(<text class="dim" x="20" y="54">{} boundaries of the reader (down) x {} of the updater (across), )"
        "{} schedules{}{}</text>\n",
        escaped(r.name), r.reader.size(), r.updater.size(), r.schedules,
        r.first_waiting < 0 ? ""
                            : fmt::format("; bracket: the measured read-side critical section, {} boundaries",
                                          r.last_waiting - r.first_waiting + 1),
        r.complete ? "" : "; incomplete: " + escaped(r.incomplete));
    legend(out, r);
    reader_axis(out, r, g);
    const std::vector<cell>* panels[] = {&r.updater_first, &r.reader_first};
    const char* titles[] = {"updater to its column, reader to its row, updater goes on",
                            "reader to its row, updater to its column, reader goes on"};
    for (int p = 0; p < g.panels; ++p) {
        const double x0 = left + p * (g.width + gap);
        fmt::format_to(out,
                       R"(<text x="{:.1f}" y="112" class="dim">{}</text>)"
                       "\n",
                       x0, r.full ? titles[p] : "reader to its row, the whole updater, reader goes on");
        if (r.full)
            updater_axis(out, r, g, x0);
        panel(out, r, g, x0, *panels[p]);
    }
    critical_section(out, r, g);
    fmt::format_to(
        out,
        R"(<text class="dim" x="20" y="{:.0f}">Sequentially consistent schedules of the compiled code with at )"
        "most one preemption of each thread. Hover over a cell for its instructions.</text>\n</svg>\n",
        top + g.height + 34);
    return svg;
}

} // namespace nmisim::explore
