// SPDX-License-Identifier: MIT
//
// "did you mean ...?": the known word that a mistyped one most likely stands for.
#pragma once

#include <cstddef>
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

} // namespace nmisim::cli
