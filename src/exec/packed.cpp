// SPDX-License-Identifier: MIT
#include "exec/packed.hpp"

#include <fmt/format.h>

#include <charconv>
#include <concepts>

namespace nmisim::exec {

namespace {

class writer {
public:
    template <class... Fields>
    void operator()(const Fields&... all)
    {
        (add(all), ...);
    }
    std::string text;

private:
    void add(std::string_view field) { text += fmt::format("{}:{}", field.size(), field); }
    template <std::integral Number>
    void add(Number n)
    {
        add(std::to_string(static_cast<std::uint64_t>(n)));
    }
};

class reader {
public:
    explicit reader(std::string_view text) noexcept : text_(text) {}

    /// The whole field is there.
    std::optional<std::string_view> field() noexcept
    {
        std::size_t size = 0;
        const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
        const auto digits = static_cast<std::size_t>(end - text_.data());
        if (error != std::errc{} || digits == text_.size() || text_.size() - digits - 1 < size)
            return std::nullopt;
        const std::string_view field = text_.substr(digits + 1, size);
        text_.remove_prefix(digits + 1 + size);
        return field;
    }
    template <class... Fields>
    void operator()(Fields&... all)
    {
        (take(all), ...);
    }
    std::size_t left() const noexcept { return text_.size(); }

private:
    void take(std::string& text) { text = field().value_or(""); }
    template <std::integral Number>
    void take(Number& n) noexcept
    {
        std::uint64_t value = 0;
        const std::string_view digits = field().value_or("");
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        n = static_cast<Number>(value);
    }

    std::string_view text_;
};

template <class Archive, class Difference>
void each_field_of_difference(Archive& a, Difference& d)
{
    a(d.aspect, d.restart, d.without, d.with, d.seen, d.runs);
}

template <class Archive, class Placement>
void each_field_of_placement(Archive& a, Placement& p)
{
    a(p.at, p.restart, p.exe, p.nr, p.call_text, p.site, p.delivered);
}

placement placement_in(reader& r)
{
    placement p;
    each_field_of_placement(r, p);
    while (r.left() != 0)
        each_field_of_difference(r, p.differences.emplace_back());
    return p;
}

} // namespace

std::string packed(const message& m)
{
    writer w;
    w(m.index());
    if (const auto* const p = std::get_if<placement>(&m)) {
        each_field_of_placement(w, *p);
        for (const difference& d : p->differences)
            each_field_of_difference(w, d);
    } else if (const auto* const e = std::get_if<ended>(&m)) {
        w(static_cast<int>(e->verdict), e->why);
    } else if (const auto* const all = std::get_if<aspects>(&m)) {
        for (const std::string& a : *all)
            w(a);
    }
    writer whole;
    whole(w.text);
    return whole.text;
}

std::optional<message> next_message(std::string& text)
{
    reader outer(text);
    const std::optional<std::string_view> content = outer.field();
    if (!content)
        return std::nullopt;
    reader r(*content);
    message m = std::monostate{};
    std::size_t index = 0;
    r(index);
    if (index == 0) {
        m = placement_in(r);
    } else if (index == 1) {
        int verdict = 0;
        std::string why;
        r(verdict, why);
        m = ended{static_cast<exec_verdict>(verdict), why};
    } else if (index == 2) {
        aspects all;
        while (r.left() != 0)
            r(all.emplace_back());
        m = std::move(all);
    }
    text.erase(0, text.size() - outer.left());
    return m;
}

} // namespace nmisim::exec
