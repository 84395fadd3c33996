// SPDX-License-Identifier: MIT
#include "report/json/json_value.hpp"

#include "base/shown_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace nmisim {

namespace {

void new_line(std::string& out, int indent, int depth)
{
    if (indent >= 0)
        out.append(1, '\n').append(static_cast<std::size_t>(indent * depth), ' ');
}

} // namespace

std::string json_quoted(std::string_view text)
{
    std::string out = "\"";
    while (!text.empty()) {
        const char c = text.front();
        const std::size_t length = utf8_length(text);
        if (length == 0)
            out += "\xef\xbf\xbd"; // U+FFFD
        else if (c == '"' || c == '\\')
            out.append({'\\', c});
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (static_cast<unsigned char>(c) < 0x20)
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        else
            out += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out + '"';
}

json_value::json_value(bool value) : text_(value ? "true" : "false") {}

json_value::json_value(std::int64_t negative, std::uint64_t positive)
    : text_(positive == 0 ? std::to_string(negative) : std::to_string(positive))
{}

json_value::json_value(double value)
{
    if (!std::isfinite(value))
        return;
    text_ = fmt::format("{}", value); // the shortest text that reads back as the same number
    if (text_.find_first_of(".e") == std::string::npos)
        text_ += ".0"; // readers that tell kinds of numbers apart see the same kind each time
}

json_value::json_value(std::string_view text) : text_(json_quoted(text)) {}

json_value::json_value(std::initializer_list<member> members) : kind_(kind::object)
{
    for (const member& m : members)
        (*this)[m.name] = m.value;
}

json_value json_value::array()
{
    json_value all;
    all.kind_ = kind::array;
    return all;
}

json_value json_value::array(std::initializer_list<json_value> elements)
{
    json_value all = array();
    all.elements_ = elements;
    return all;
}

void json_value::push_back(json_value element)
{
    kind_ = kind::array;
    elements_.push_back(std::move(element));
}

json_value& json_value::operator[](std::string_view name)
{
    kind_ = kind::object;
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end())
        return elements_[static_cast<std::size_t>(found - names_.begin())];
    names_.emplace_back(name);
    return elements_.emplace_back();
}

std::string json_value::dump(int indent) const
{
    std::string out;
    print(out, indent, 0);
    return out;
}

void json_value::print(std::string& out, int indent, int depth) const
{
    if (kind_ == kind::scalar) {
        out += text_;
        return;
    }
    const bool object = kind_ == kind::object;
    out += object ? '{' : '[';
    for (std::size_t i = 0; i < elements_.size(); ++i) {
        if (i != 0)
            out += ',';
        new_line(out, indent, depth + 1);
        if (object)
            out.append(json_quoted(names_[i])).append(indent >= 0 ? ": " : ":");
        elements_[i].print(out, indent, depth + 1);
    }
    if (!elements_.empty())
        new_line(out, indent, depth);
    out += object ? '}' : ']';
}

} // namespace nmisim
