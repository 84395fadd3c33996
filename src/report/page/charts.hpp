// SPDX-License-Identifier: MIT
//
// Small charts for the pages. Each is 360 units wide, about a phone's width, so that its text is readable there and two
// or three stand side by side on a desktop.
#pragma once

#include "base/histogram.hpp"
#include "report/page/picture.hpp"
#include "verify/run_report.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nmisim {

/// Time and count are both logarithmic: a tail of one in a million is seen. Percentiles are marked.
picture histogram_chart(std::string_view title, const latency& l);

struct series {
    std::string_view name;
    std::string_view css;                   ///< class of its colour
    std::uint64_t run_progress::*cumulated; ///< drawn as a rate per second between two samples
};
picture rate_chart(std::string_view title, const std::vector<run_progress>& samples,
                   const std::vector<series>& all);

/// A bar with its name and a note above. Lengths are shares of the width.
struct bar {
    struct part {
        double share;
        std::string_view css;
        std::string hover;
    };
    std::string name;
    std::string note;
    std::vector<part> parts;
    std::optional<std::pair<double, double>> spread{}; ///< drawn across it
};
picture bar_chart(std::string title, const std::vector<bar>& bars,
                  const std::vector<picture::entry>& legend = {});

/// Points over the runs; a line joins the medians of a group. The value axis is logarithmic.
struct point {
    std::size_t run;
    std::string group; ///< also the class of its colour
    double value;
    std::string hover;
};
picture trend_chart(std::string title, const std::vector<point>& points, std::size_t runs,
                    const std::function<std::string(double)>& text_of, std::string_view first,
                    std::string_view last);

/// "12.3 %"
std::string percent_text(std::uint64_t part, std::uint64_t whole);

} // namespace nmisim
