// SPDX-License-Identifier: MIT
#include "report/page/picture.hpp"

#include "report/page/markup.hpp"
#include "report/page/style.hpp"

#include <algorithm>
#include <cmath>

namespace nmisim {

namespace {

std::string hover_text(std::string_view hover)
{
    return hover.empty() ? "" : "<title>" + escaped(hover) + "</title>";
}

} // namespace

void picture::text(double x, double y, std::string_view anchor, std::string_view css, std::string_view what)
{
    body_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y, anchor,
                         css, escaped(what));
}

void picture::box(double x, double y, double w, double h, std::string_view css, std::string_view hover)
{
    body_ += fmt::format(R"(<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}">{}</rect>)"
                         "\n",
                         css, x, y, w, h, hover_text(hover));
}

void picture::path(std::string_view css, std::string_view d, std::string_view hover)
{
    body_ += fmt::format(R"(<path class="{}" d="{}">{}</path>)"
                         "\n",
                         css, d, hover_text(hover));
}

void picture::slanted(double x, double y, std::string_view css, std::string_view what)
{
    body_ += fmt::format(R"x(<text transform="translate({:.1f} {:.1f}) rotate(-55)" class="{}">{}</text>)x",
                         x, y, css, escaped(what));
}

void picture::circle(double x, double y, std::string_view css, std::string_view hover)
{
    body_ += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3.5">{}</circle>)"
                         "\n",
                         css, x, y, hover_text(hover));
}

void picture::legend(double x, double y, const std::vector<entry>& entries)
{
    for (const entry& e : entries) {
        box(x, y - 8, 9, 9, e.css);
        text(x + 13, y, "start", "", e.name);
        x += 13 + 6.2 * static_cast<double>(e.name.size()) + 14;
    }
}

std::string picture::svg() const
{
    return fmt::format(R"(<svg class="{}" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">)"
                       "\n{}</svg>\n",
                       css_, width_, height_, escaped(title_), body_);
}

std::string picture::figure() const
{
    return fmt::format("<figure><figcaption>{}</figcaption>{}</figure>\n", escaped(title_), svg());
}

std::string picture::file(std::span<const picture> pictures)
{
    double width = 0;
    double height = 0;
    std::string all;
    for (const picture& p : pictures) {
        all += fmt::format(R"(<text class="title" x="10" y="{:.0f}">{}</text>)"
                           R"(<svg x="0" y="{:.0f}" width="{:.0f}" height="{:.0f}">)"
                           "\n{}</svg>\n",
                           height + 24, escaped(p.title_), height + 34, p.width_, p.height_, p.body_);
        width = std::max(width, p.width_);
        height += p.height_ + 50;
    }
    return fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" )"
        R"(height="{1:.0f}"><style>{2}</style><rect class="background" width="100%" height="100%"/>)"
        "\n{3}</svg>\n",
        width, height, page_style, all);
}

double scale::operator()(double value) const
{
    if (logarithmic)
        value = std::log10(std::max(value, 1e-9));
    return begin + (end - begin) * (value - low) / (high - low);
}

} // namespace nmisim
