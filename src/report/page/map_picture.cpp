// SPDX-License-Identifier: MIT
//
// The map as a picture. Rows are the reader's boundaries from its first instruction to its last, columns the
// updater's; equal neighbours in a row are one rectangle, so that a map of 200 000 cells is a small file. Both
// axes carry the functions that the boundaries are in, and the measured critical section has a bracket.
#include "report/page/map_picture.hpp"

#include "report/explore_report.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace nmisim::explore {

namespace {

using document = nlohmann::json;

constexpr double left = 380; // room for the reader's symbols
constexpr double top = 216;  // legend, the updater's symbols
constexpr double gap = 40;   // between the panels
constexpr double least_label = 11;

struct boundary {
    std::string function; ///< as short as the axis needs it
    std::string offset;
    std::string instruction;
    std::string hover;
};

struct drawn_map {
    std::vector<boundary> reader, updater;
    std::vector<std::vector<std::string>> panels; ///< a letter for each cell, see explore_json.cpp
    bool full;
    double row, column, width, height; ///< of a boundary, and of a panel
};

/// Cells by their letters.
struct look {
    char letter;
    const char* css;
    const char* name;
    const char* legend; ///< with those that look the same after it
};
constexpr look looks[] = {{'e', "e", "ends", "ends: the grace period did not need this reader"},
                          {'w', "w", "waits", "waits: the updater waited for the reader"},
                          {'V', "v", "violation", "violation: a check failed"},
                          {'C', "h", "crash", "crash or hang"},
                          {'H', "h", "hang", nullptr},
                          {'n', "n", "not reached", "not reached: another path"},
                          {'.', "u", "unexplored", "unexplored"}};

const look& look_of(char letter)
{
    return *std::find_if(std::begin(looks), std::end(looks) - 1,
                         [=](const look& l) { return l.letter == letter; });
}

std::string cut(std::string name, std::size_t longest)
{
    return name.size() <= longest ? name : name.substr(0, longest - 1) + "\u2026";
}

// Template arguments and namespaces take room that the axis has not.
std::string short_name(std::string name)
{
    if (const std::size_t open = name.find('<'); open != name.npos && open != 0)
        name.resize(open);
    for (const std::string_view prefix : {"nmisim::explore::", "nmisim::", "(anonymous namespace)::"})
        if (name.starts_with(prefix))
            name.erase(0, prefix.size());
    return cut(std::move(name), 34);
}

std::vector<boundary> boundaries(const document& places)
{
    std::vector<boundary> all;
    for (const document& p : places) {
        const std::string symbol = p.at("symbol"), object = p.at("object"), source = p.value("source", "");
        const std::string name = symbol.empty() ? object : symbol;
        const std::string offset =
            fmt::format("+{:#x}", p.at(symbol.empty() ? "object_offset" : "offset").get<std::uint64_t>());
        const std::string instruction = p.value("instruction", "");
        all.push_back({short_name(name), offset, instruction,
                       (name.empty() ? p.at("ip").get<std::string>() : name + offset) +
                           (source.empty() ? "" : " (" + source + ")") +
                           (instruction.empty() ? "" : "  " + instruction)});
    }
    return all;
}

drawn_map map_of(const document& report)
{
    drawn_map m{boundaries(report.at("reader")),
                boundaries(report.at("updater")),
                {},
                report.at("full"),
                1,
                160,
                0,
                0};
    for (const char* panel : {"updater_first", "reader_first"})
        if (report.contains(panel))
            m.panels.push_back(report[panel]);
    if (!m.reader.empty())
        m.row = std::clamp(900.0 / static_cast<double>(m.reader.size()), 3.0, 18.0);
    const auto columns = m.full ? static_cast<double>(m.updater.size()) : 1;
    if (m.full)
        m.column = std::clamp(760.0 / columns, 0.5, 18.0);
    m.width = m.column * columns;
    m.height = m.row * static_cast<double>(m.reader.size());
    return m;
}

// Calls f(first, end) for each stretch of neighbours that are equal.
template <class Range, class Equal, class F>
void for_each_stretch(const Range& range, Equal equal, F f)
{
    for (std::size_t first = 0, end = 0; first < range.size(); first = end) {
        for (end = first + 1; end < range.size() && equal(range[end], range[first]);)
            ++end;
        f(first, end);
    }
}

bool same_function(const boundary& a, const boundary& b)
{
    return a.function == b.function;
}

void legend(picture& p, const drawn_map& m)
{
    std::vector<picture::entry> entries;
    for (const look& l : looks)
        if (l.legend != nullptr) {
            std::ptrdiff_t count = 0;
            for (const auto& panel : m.panels)
                for (const std::string& row : panel)
                    count += std::count_if(row.begin(), row.end(),
                                           [&](char c) { return look_of(c).css == std::string_view(l.css); });
            if (count != 0 || l.letter != '.')
                entries.push_back({l.css, fmt::format("{} ({})", l.legend, count)});
        }
    p.legend(20, 48, entries);
}

// A label is drawn where there is room for it since the last one.
void reader_axis(picture& p, const drawn_map& m)
{
    double free_from = 0;
    bool band = false;
    const double right = left + static_cast<double>(m.panels.size()) * (m.width + gap) - gap;
    for_each_stretch(m.reader, same_function, [&](std::size_t first, std::size_t end) {
        const double y = top + m.row * static_cast<double>(first);
        const double h = m.row * static_cast<double>(end - first);
        if (band = !band; band)
            p.box(10, y, right, h, "band");
        if (m.row < least_label && y + h / 2 >= free_from) {
            p.text(left - 26, y + h / 2 + 3.5, "end", "mono", m.reader[first].function);
            free_from = y + h / 2 + least_label;
        }
    });
    for (std::size_t i = 0; m.row >= least_label && i < m.reader.size(); ++i) {
        const boundary& b = m.reader[i];
        p.text(left - 26, top + m.row * (static_cast<double>(i) + 0.7), "end", "mono",
               fmt::format("{}{}  {}", b.function, b.offset, b.instruction.substr(0, 24)));
    }
}

void updater_axis(picture& p, const drawn_map& m, double x0)
{
    double free_from = 0;
    for_each_stretch(m.updater, same_function, [&](std::size_t first, std::size_t end) {
        const double middle = x0 + m.column * static_cast<double>(first + end) / 2;
        if (middle < free_from)
            return;
        p.line(middle, top, middle, top - 6, "edge");
        // A slanted label ends below the legend.
        p.slanted(middle + 3, top - 9, "mono", cut(m.updater[first].function, 24));
        free_from = middle + 13;
    });
}

void panel(picture& p, const drawn_map& m, double x0, const std::vector<std::string>& rows)
{
    for (std::size_t i = 0; i < rows.size(); ++i)
        for_each_stretch(rows[i], std::equal_to<>(), [&](std::size_t first, std::size_t end) {
            const look& l = look_of(rows[i][first]);
            std::string where = fmt::format("{}: reader before {}", l.name, m.reader.at(i).hover);
            if (m.full)
                where +=
                    fmt::format("\nupdater before {}{}", m.updater.at(first).hover,
                                end - first == 1 ? "" : "\n        to before " + m.updater.at(end - 1).hover);
            p.box(x0 + m.column * static_cast<double>(first), top + m.row * static_cast<double>(i),
                  m.column * static_cast<double>(end - first), m.row - (m.row > 6 ? 1 : 0), l.css, where);
        });
    p.box(x0, top, m.width, m.height, "edge");
}

} // namespace

picture map_picture(const document& report)
{
    const drawn_map m = map_of(report);
    const int first = report.at("critical_section").at("first"), last = report["critical_section"].at("last");
    const auto panels = static_cast<double>(m.panels.size());
    picture p(fmt::format("{}: where the reader was paused, and what the updater did",
                          report.at("name").get<std::string>()),
              std::max(left + panels * (m.width + gap) + 90, 1180.0), top + m.height + 60, "map");
    p.text(
        20, 20, "start", "axis",
        fmt::format(
            "{} boundaries of the reader (down) x {} of the updater (across), {} schedules{}{}",
            m.reader.size(), m.updater.size(), report.at("schedules").get<std::uint64_t>(),
            first < 0 ? ""
                      : fmt::format("; bracket: the measured read-side critical section, {} boundaries",
                                    last - first + 1),
            report.contains("incomplete") ? "; incomplete: " + report["incomplete"].get<std::string>() : ""));
    legend(p, m);
    reader_axis(p, m);
    const char* const titles[] = {"updater to its column, reader to its row, updater goes on",
                                  "reader to its row, updater to its column, reader goes on"};
    for (std::size_t i = 0; i < m.panels.size(); ++i) {
        const double x0 = left + static_cast<double>(i) * (m.width + gap);
        p.text(x0, 78, "start", "axis",
               m.full ? titles[i] : "reader to its row, the whole updater, reader goes on");
        if (m.full)
            updater_axis(p, m, x0);
        panel(p, m, x0, m.panels[i]);
    }
    if (first >= 0)
        p.path("bracket",
               fmt::format("M{0} {1:.1f} h-8 V{2:.1f} h8", left - 6, top + m.row * first,
                           top + m.row * (last + 1)),
               fmt::format("read-side critical section: first {}, last {}",
                           m.reader.at(static_cast<std::size_t>(first)).hover,
                           m.reader.at(static_cast<std::size_t>(last)).hover));
    p.text(20, top + m.height + 34, "start", "axis",
           "Sequentially consistent schedules of the compiled code with at most one preemption of each "
           "thread. Hover over a "
           "cell for its instructions.");
    return p;
}

std::string to_svg(const map_report& r)
{
    const any_report one = r;
    const picture p = map_picture(document::parse(to_json({&one, 1}, {})).at("reports").at(0));
    return picture::file({&p, 1});
}

} // namespace nmisim::explore
