// SPDX-License-Identifier: MIT
//
// How long a call may wait. Any duration with a `rep` and a `period` converts to it, so that `100ms` can be written where
// <chrono> is included, and nobody else pays for that header.
#pragma once

#include <cstdint>

namespace nmisim {

/// Time from the call on. Zero or less: one look, no wait.
class deadline {
public:
    constexpr explicit deadline(std::int64_t ns) noexcept : ns_(ns < 0 ? 0 : ns) {}
    template <class Duration, class Rep = typename Duration::rep, class Period = typename Duration::period>
    constexpr deadline(const Duration& d) noexcept
        : ns_(saturated(static_cast<double>(d.count()) * 1e9 * static_cast<double>(Period::num) /
                        static_cast<double>(Period::den)))
    {}
    /// Until it has happened, however long that takes.
    static constexpr deadline none() noexcept { return deadline(INT64_MAX); }

    constexpr std::int64_t ns() const noexcept { return ns_; }
    constexpr bool is_none() const noexcept { return ns_ == INT64_MAX; }

private:
    /// What is longer than 290 years is as good as no deadline.
    static constexpr std::int64_t saturated(double ns) noexcept
    {
        return ns >= 9.2e18 ? INT64_MAX : ns <= 0 ? 0 : static_cast<std::int64_t>(ns);
    }

    std::int64_t ns_;
};

} // namespace nmisim
