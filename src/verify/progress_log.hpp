// SPDX-License-Identifier: MIT
//
// A run over time, for a picture: some rows at equal distances. When a long run has filled the table, every other row
// is dropped and the distance doubles. Context: control.
#pragma once

#include "verify/run_report.hpp"

#include <cstdint>
#include <vector>

namespace nmisim {

class progress_log {
public:
    explicit progress_log(std::uint64_t interval_ns) : interval_ns_(interval_ns) {}

    /// Unless it comes too soon after the row before.
    void add(const run_progress& now)
    {
        if (rows_.empty() || now.elapsed_ns >= rows_.back().elapsed_ns + interval_ns_)
            add_last(now);
    }
    void add_last(const run_progress& now)
    {
        rows_.push_back(now);
        if (rows_.size() >= most_rows)
            thin_out();
    }
    const std::vector<run_progress>& rows() const noexcept { return rows_; }

private:
    static constexpr std::size_t most_rows = 1000;

    void thin_out()
    {
        std::size_t kept = 0;
        for (std::size_t i = 1; i < rows_.size(); i += 2)
            rows_[kept++] = rows_[i];
        rows_.resize(kept);
        interval_ns_ *= 2;
    }

    std::vector<run_progress> rows_;
    std::uint64_t interval_ns_;
};

} // namespace nmisim
