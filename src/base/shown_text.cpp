// SPDX-License-Identifier: MIT
#include "base/shown_text.hpp"

#include <cstdint>
#include <vector>

namespace nmisim {

namespace {

struct character {
    std::string_view bytes;
    std::uint32_t point = 0;
    bool valid = false; ///< of UTF-8
};

bool continues(std::string_view text, std::size_t at)
{
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

/// The first one of `text`, which is not empty.
character first_of(std::string_view text)
{
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t length = lead < 0x80       ? 1
                               : lead >> 5 == 6  ? 2
                               : lead >> 4 == 14 ? 3
                               : lead >> 3 == 30 ? 4
                                                 : 0;
    const character broken{text.substr(0, 1), lead, false};
    if (length == 0)
        return broken;
    std::uint32_t point = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if (!continues(text, i))
            return broken;
        point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    constexpr std::uint32_t shortest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (point < shortest[length] || point > 0x10FFFF || surrogate)
        return broken;
    return {text.substr(0, length), point, true};
}

/// Controls (C0, DEL, C1), what has no width, what ends a line, and what turns the direction of writing.
bool is_hidden(std::uint32_t point)
{
    const auto within = [point](std::uint32_t first, std::uint32_t last) {
        return point >= first && point <= last;
    };
    return within(0, 0x1F) || within(0x7F, 0x9F) || point == 0xAD || point == 0x61C ||
           within(0x200B, 0x200F) || within(0x2028, 0x202E) || within(0x2060, 0x206F) || point == 0xFEFF ||
           within(0xE0000, 0xE007F);
}

std::string hex_of(std::string_view bytes)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        text += {'\\', 'x', digits[value >> 4], digits[value & 15]};
    }
    return text;
}

std::string written_out(const character& c)
{
    switch (c.valid ? c.point : 0) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return hex_of(c.bytes);
    }
}

template <class Take>
void for_each_character(std::string_view text, Take take)
{
    while (!text.empty()) {
        const character c = first_of(text);
        take(c);
        text.remove_prefix(c.bytes.size());
    }
}

} // namespace

std::string shown(std::string_view text, std::size_t most)
{
    constexpr std::size_t tail = 12;
    // What is far from both ends is not looked at: a line may have any length.
    std::string_view head = text.substr(0, 4 * most);
    std::vector<std::string> pieces;
    for_each_character(head, [&](const character& c) {
        pieces.push_back(c.valid && !is_hidden(c.point) ? std::string(c.bytes) : written_out(c));
    });
    std::string all;
    if (head.size() == text.size() && pieces.size() <= most) {
        for (const std::string& p : pieces)
            all += p;
        return all;
    }
    for (std::size_t i = 0; i < pieces.size() && i + tail < most; ++i)
        all += pieces[i];
    return all + "... (" + std::to_string(text.size()) + " bytes)";
}

bool has_controls(std::string_view text)
{
    bool found = false;
    for_each_character(text, [&](const character& c) { found = found || !c.valid || is_hidden(c.point); });
    return found;
}

std::string for_a_shell(std::string_view word)
{
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./%@";
    if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos)
        return std::string(word);
    const bool hidden = has_controls(word);
    std::string text = hidden ? "$'" : "'";
    for (const char& c : word) {
        if (hidden && plain.find(c) == std::string_view::npos)
            text += hex_of({&c, 1});
        else
            text += c == '\'' ? std::string_view("'\\''") : std::string_view(&c, 1);
    }
    return text + "'";
}

std::size_t utf8_length(std::string_view text)
{
    const character c = first_of(text);
    return c.valid ? c.bytes.size() : 0;
}

} // namespace nmisim
