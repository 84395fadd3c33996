// SPDX-License-Identifier: MIT
//
// A picture in SVG, for a page or for a file of its own: no script, hover text by <title>, colours by the style's CSS
// variables, light and dark by the reader's preference.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim {

class picture {
public:
    /// `css`: "wide" and "map" are drawn no smaller than can be read, in a box that scrolls.
    picture(std::string title, double width, double height, std::string_view css = {})
        : title_(std::move(title)), css_(css), width_(width), height_(height)
    {}

    void text(double x, double y, std::string_view anchor, std::string_view css, std::string_view what);
    void box(double x, double y, double w, double h, std::string_view css, std::string_view hover = {});
    void path(std::string_view css, std::string_view d, std::string_view hover = {});
    void line(double x1, double y1, double x2, double y2, std::string_view css)
    {
        path(css, fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}", x1, y1, x2, y2));
    }
    void slanted(double x, double y, std::string_view css, std::string_view what);
    void circle(double x, double y, std::string_view css, std::string_view hover);

    struct entry {
        std::string_view css;
        std::string name;
    };
    /// Squares with their names, in a row that begins at `x`.
    void legend(double x, double y, const std::vector<entry>& entries);

    const std::string& title() const noexcept { return title_; }
    std::string svg() const;
    /// In a page: with its title above.
    std::string figure() const;
    /// One below the other.
    static std::string file(std::span<const picture> pictures);

private:
    std::string title_;
    std::string css_;
    double width_;
    double height_;
    std::string body_{};
};

/// From a value to its place.
struct scale {
    double low, high;  ///< the values at both ends; of a logarithmic one their decimal logarithms
    double begin, end; ///< their places
    bool logarithmic = false;
    double operator()(double value) const;
};

} // namespace nmisim
