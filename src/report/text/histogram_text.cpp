// SPDX-License-Identifier: MIT
//
// A latency as a log2 histogram in text, in bpftrace's form: one row per power of two, so a long tail takes a few rows.
// Bounds are powers of two in nanoseconds and are printed as such (2.05us is 2048 ns): rounded bounds would be wrong
// for some samples.
#include "report/text/text_tables.hpp"

#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

namespace nmisim {

namespace {

constexpr int rows = 45; // row 0 holds 0 ns; row r > 0 holds 2^(r-1) up to 2^r - 1 ns

constexpr int row_of(std::uint64_t ns)
{
    return static_cast<int>(std::bit_width(ns));
}
static_assert(row_of(histogram_floor(histogram_buckets - 1)) < rows);

std::uint64_t row_floor(int row)
{
    return row == 0 ? 0 : std::uint64_t{1} << (row - 1);
}

} // namespace

std::string histogram_text(std::string_view title, const latency& of, int bar_width)
{
    std::string text = fmt::format("{}, {} samples\n", title, count_text(of.count));
    if (of.count == 0)
        return text;

    std::array<std::uint64_t, rows> per_row{};
    for (int i = 0; i < histogram_buckets; ++i)
        per_row[static_cast<std::size_t>(row_of(histogram_floor(i)))] +=
            of.buckets[static_cast<std::size_t>(i)];

    const auto any = [](std::uint64_t n) { return n != 0; };
    const auto first = std::find_if(per_row.begin(), per_row.end(), any);
    const auto last = std::find_if(per_row.rbegin(), per_row.rend(), any).base();
    const std::uint64_t most = std::max<std::uint64_t>(*std::max_element(first, last), 1);
    for (auto row = first; row != last; ++row) {
        const int index = static_cast<int>(std::distance(per_row.begin(), row));
        const auto filled =
            static_cast<int>(static_cast<double>(*row) / static_cast<double>(most) * bar_width + 0.5);
        text +=
            fmt::format("{:<18} {:>13} |{:<{}}|\n",
                        fmt::format("[{}, {})", time_text(row_floor(index)), time_text(row_floor(index + 1))),
                        count_text(*row), std::string(static_cast<std::size_t>(filled), '@'), bar_width);
    }
    return text;
}

} // namespace nmisim
