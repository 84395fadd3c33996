// SPDX-License-Identifier: MIT
//
// A JSON value that is built and printed, never read. Members keep their order. nlohmann::ordered_json can do the same,
// but its templates took a tenth of a build; here only the conversion of a number is a template.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim {

class json_value {
public:
    struct member;

    json_value() noexcept = default; ///< null
    json_value(std::nullptr_t) noexcept {}
    json_value(bool value);
    template <std::integral Number>
    requires(!std::same_as<Number, bool> && !std::same_as<Number, char>) json_value(Number value)
        : json_value(std::signed_integral<Number> ? static_cast<std::int64_t>(value) : 0,
                     std::signed_integral<Number> ? 0 : static_cast<std::uint64_t>(value))
    {}
    json_value(double value); ///< not finite: null, as JSON has no word for it
    json_value(std::string_view text);
    json_value(const char* text) : json_value(std::string_view(text)) {}
    json_value(const std::string& text) : json_value(std::string_view(text)) {}
    json_value(std::initializer_list<member> members); ///< an object
    template <typename Range>
    requires(!std::convertible_to<Range, std::string_view> &&
             requires(const Range& r) { r.begin() != r.end(); }) json_value(const Range& elements)
        : json_value(array())
    {
        for (const auto& element : elements)
            push_back(element);
    }

    static json_value array();
    static json_value array(std::initializer_list<json_value> elements);

    /// Of an array.
    void push_back(json_value element);
    /// Of an object: the member of that name, added at the end if it is not there.
    json_value& operator[](std::string_view name);

    /// `indent` spaces a level, or all on one line. Bytes that are not UTF-8 become U+FFFD (the caller's text).
    [[nodiscard]] std::string dump(int indent = -1) const;

private:
    enum class kind { scalar, array, object };

    json_value(std::int64_t negative, std::uint64_t positive);
    void print(std::string& out, int indent, int depth) const;

    kind kind_ = kind::scalar;
    std::string text_ = "null"; ///< a scalar as it is printed
    std::vector<std::string> names_;
    std::vector<json_value> elements_; ///< of an array, or of an object, each with its name
};

struct json_value::member {
    std::string_view name;
    json_value value;
};

/// An array of what `to_json` makes of each.
template <typename Range, typename Function>
json_value array_of(const Range& range, Function to_json)
{
    json_value all = json_value::array();
    for (const auto& one : range)
        all.push_back(to_json(one));
    return all;
}

/// `text` with quotes, as JSON has it.
std::string json_quoted(std::string_view text);

} // namespace nmisim
