// SPDX-License-Identifier: MIT
#include "report/page/page.hpp"

#include "report/page/charts.hpp"
#include "report/page/map_picture.hpp"
#include "report/page/markup.hpp"
#include "report/units.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace nmisim {
namespace {

using json = nlohmann::json;

std::string text_of(double value, const std::string& unit)
{
    return unit == "ns" ? time_text(static_cast<std::uint64_t>(value))
           : unit == "" ? count_text(static_cast<std::uint64_t>(value))
                        : short_number_text(value) + unit;
}

table::cell cell_of(const json& c, const std::string& unit)
{
    if (c.is_number())
        return text_of(c, unit);
    if (c.is_string() || c.is_null())
        return c.is_null() ? "" : c.get<std::string>();
    table::cell cell(c.value("text", ""), c.value("css", ""));
    for (const json& link : c.value("links", json::array()))
        cell.text += fmt::format("<a href=\"{}\">{}</a> ", escaped(link.at(0).get<std::string>()),
                                 escaped(link.at(1).get<std::string>()));
    return cell;
}

std::string table_of(const json& part)
{
    std::vector<table::column> columns;
    for (const json& c : part.at("columns"))
        columns.push_back({c.at(0), c.at(1)});
    table t(columns);
    for (const json& row : part.at("rows")) {
        std::vector<table::cell> cells;
        for (std::size_t i = 0; i < columns.size(); ++i)
            cells.push_back(cell_of(row.at(i), part["columns"][i].at(2)));
        t.row(cells);
    }
    return t.html();
}

picture chart_of(const json& c)
{
    if (c.contains("bars")) {
        std::vector<bar> bars;
        for (const json& b : c["bars"])
            bars.push_back({b.at(0),
                            b.at(1),
                            {{b.at(3), b.at(2).get_ref<const std::string&>(), {}}},
                            std::pair<double, double>(b.at(4), b.at(5))});
        return bar_chart(c.at("title"), bars);
    }
    const std::string unit = c.at("unit");
    std::vector<point> points;
    for (const json& p : c.at("trend"))
        if (p.at(2) > 0) // the scale is logarithmic
            points.push_back({p.at(0), p.at(1), p.at(2),
                              fmt::format("{}: {}", p.at(3).get<std::string>(), text_of(p.at(2), unit))});
    const auto power_of_ten = [&](double v) {
        return unit == "ns" ? exact_time_text(static_cast<std::uint64_t>(v)) : exact_number_text(v) + unit;
    };
    return trend_chart(c.at("title"), points, c.at("runs"), power_of_ten, c.at("first").get<std::string>(),
                       c.at("last").get<std::string>());
}

struct drawn {
    std::string title;
    std::string html;
    std::vector<picture> pictures;
};

void draw_document(const json& document, drawn& page)
{
    page.title = document.at("title").get<std::string>();
    for (const json& part : document.at("parts")) {
        std::string body;
        if (part.contains("text"))
            body += fmt::format("<p>{}</p>\n", escaped(part["text"].get<std::string>()));
        if (part.contains("rows"))
            body += table_of(part);
        if (part.contains("charts")) {
            body += "<div class=\"charts\">";
            for (const json& c : part["charts"]) {
                page.pictures.push_back(chart_of(c));
                body += page.pictures.back().figure();
            }
            body += "</div>\n";
        }
        const std::string id = part.at("id"), title = part.value("title", "");
        page.html += part.contains("verdict")
                         ? verdict_section(part["verdict"].get<std::string>(),
                                           escaped(part.at("word").get<std::string>()), escaped(title), body)
                         : section(id, title, body);
    }
}

void draw_exploration(const json& document, drawn& page)
{
    page.title = "nmi-sim explore";
    for (const json& report : document.at("reports"))
        if (report.at("kind") == "map" && !report.contains("absent")) {
            page.pictures.push_back(explore::map_picture(report));
            const picture& p = page.pictures.back();
            page.html += section("map", p.title(), fmt::format("<div class=\"scroll\">{}</div>\n", p.svg()));
        }
    if (page.pictures.empty())
        throw std::runtime_error("no map is in it");
}

} // namespace

std::string page_over(const std::vector<json_text>& files, bool as_svg)
{
    drawn page;
    for (const json_text& file : files)
        try {
            const json document = json::parse(file.text);
            const json schema = document.is_object() ? document.value("schema", json()) : json();
            if (schema == "nmi-sim-page-1")
                draw_document(document, page);
            else if (schema == "nmi-sim-explore")
                draw_exploration(document, page);
            else
                throw std::runtime_error("neither a page nor an exploration of nmi-sim");
        } catch (const std::exception& e) {
            throw std::runtime_error(fmt::format("cannot draw {}: {}", file.name, e.what()));
        }
    if (as_svg && page.pictures.empty())
        throw std::runtime_error("there is no picture to draw");
    return as_svg ? picture::file(page.pictures) : html_page(page.title, page.html);
}

} // namespace nmisim
