// SPDX-License-Identifier: MIT
//
// Names, as users type them: rows of a table by name, and "did you mean ...?", the known word that a mistyped one most
// likely stands for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::cli {

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other (Damerau and
/// Levenshtein, optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known` at most two edits away (one for words of up to three letters), else the only one
/// that starts with `word`, else an empty text.
std::string suggest(std::string_view word, const std::vector<std::string>& known);

/// "; did you mean 'rate'?" with `before` in front of the word, or an empty text.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         std::string_view before = {});

/// Of a table whose rows have a name: the row of that name, or nullptr.
template <class Rows>
auto find_named(const Rows& rows, std::string_view name)
{
    const auto found =
        std::find_if(std::begin(rows), std::end(rows), [&](const auto& row) { return row.name == name; });
    return found == std::end(rows) ? nullptr : &*found;
}

template <class Rows>
std::vector<std::string> names_in(const Rows& rows)
{
    std::vector<std::string> names;
    for (const auto& row : rows)
        names.emplace_back(row.name);
    return names;
}

} // namespace nmisim::cli
