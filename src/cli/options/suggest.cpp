// SPDX-License-Identifier: MIT
#include "cli/options/suggest.hpp"

#include <fmt/format.h>

namespace nmisim::cli {

std::size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        cost[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j)
        cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a.size()][b.size()];
}

std::string suggest(std::string_view word, const std::vector<std::string>& known)
{
    constexpr std::size_t longest = 64; // nobody mistypes a word of that length; bounds the table
    if (word.empty() || word.size() > longest)
        return {};
    const std::size_t limit = word.size() <= 3 ? 1 : 2;
    std::size_t best = limit + 1;
    std::string nearest;
    for (const std::string& k : known)
        if (const std::size_t d = edit_distance(word, k); d < best) {
            best = d;
            nearest = k;
        }
    if (!nearest.empty())
        return nearest;
    std::vector<std::string> starts;
    std::copy_if(known.begin(), known.end(), std::back_inserter(starts),
                 [&](const std::string& k) { return k.starts_with(word); });
    return starts.size() == 1 ? starts.front() : std::string();
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         std::string_view before)
{
    const std::string nearest = suggest(word, known);
    return nearest.empty() ? "" : fmt::format("; did you mean '{}{}'?", before, nearest);
}

} // namespace nmisim::cli
