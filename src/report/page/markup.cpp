// SPDX-License-Identifier: MIT
#include "report/page/markup.hpp"

#include "report/page/style.hpp"

#include <fmt/format.h>

namespace nmisim {

std::string escaped(std::string_view text)
{
    std::string t;
    for (const char c : text)
        switch (c) {
        case '<': t += "&lt;"; break;
        case '>': t += "&gt;"; break;
        case '&': t += "&amp;"; break;
        case '"': t += "&quot;"; break;
        default: t += c;
        }
    return t;
}

std::string section(std::string_view id, std::string_view title, std::string_view body)
{
    return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, escaped(title), body);
}

std::string verdict_section(std::string_view css, std::string_view word, std::string_view heading,
                            std::string_view body, std::string_view below)
{
    return fmt::format(
        "<section id=\"verdict\"><div class=\"verdict {}\"><h1><span class=\"word\">{}</span> {}</h1>\n"
        "{}</div>{}</section>\n",
        css, word, heading, body, below);
}

table::table(std::vector<column> columns)
    : columns_(std::move(columns)), rows_(fmt::format("<div class=\"scroll\"><table{}>\n<tr>",
                                                      columns_.size() > 8 ? " class=\"tight\"" : ""))
{
    for (const column& c : columns_)
        rows_ += fmt::format("<th class=\"{}\">{}</th>", c.css == "wrap" ? "left" : c.css, escaped(c.head));
    rows_ += "</tr>\n";
}

void table::row(const std::vector<cell>& cells)
{
    rows_ += "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const column& c = columns_[i];
        const std::string css = c.css + (c.css.empty() || cells[i].css.empty() ? "" : " ") + cells[i].css;
        rows_ +=
            fmt::format("<td class=\"{}\" data-head=\"{}\">{}</td>", css, escaped(c.head), cells[i].text);
    }
    rows_ += "</tr>\n";
}

std::string html_page(std::string_view title, std::string_view body)
{
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=\"icon\" href=\"data:,\"><title>{}</title>\n<style>{}</style></head><body>\n"
        "{}</body></html>\n",
        escaped(title), page_style, body);
}

} // namespace nmisim
