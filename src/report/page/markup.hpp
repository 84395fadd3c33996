// SPDX-License-Identifier: MIT
//
// HTML: text, sections, tables, and the page around them. A page loads nothing from the network and runs no script.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nmisim {

/// For text and for attribute values in double quotes.
std::string escaped(std::string_view text);

std::string section(std::string_view id, std::string_view title, std::string_view body);

/// What comes first: `css` is pass, fail, threshold or incomplete. The rest is markup.
std::string verdict_section(std::string_view css, std::string_view word, std::string_view heading,
                            std::string_view body, std::string_view below = {});

/// Beside its classes, each cell carries the head of its column: a phone shows a row as lines of head and value.
class table {
public:
    struct column {
        std::string head;
        std::string css{}; ///< "left"; "wrap": left, and as many lines as it needs
    };
    struct cell {
        cell(std::string_view plain, std::string_view classes = {}) : text(escaped(plain)), css(classes) {}
        cell(const std::string& plain) : cell(std::string_view(plain)) {}
        cell(const char* plain) : cell(std::string_view(plain)) {}
        std::string text; ///< markup
        std::string css;
    };
    explicit table(std::vector<column> columns);
    void row(const std::vector<cell>& cells);
    std::string html() const { return rows_ + "</table></div>\n"; }

private:
    std::vector<column> columns_;
    std::string rows_;
};

/// `body`: sections.
std::string html_page(std::string_view title, std::string_view body);

} // namespace nmisim
