// SPDX-License-Identifier: MIT
#include "exec/packed.hpp"

#include <fmt/format.h>

#include <charconv>

namespace nmisim::exec {

namespace {

class writer {
public:
    void add(std::string_view field) { text_ += fmt::format("{}:{}", field.size(), field); }
    void add(std::uint64_t n) { add(std::to_string(n)); }
    std::string text_;
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
    std::string text() { return std::string(field().value_or("")); }
    std::uint64_t number() noexcept
    {
        std::uint64_t n = 0;
        const std::string_view digits = field().value_or("");
        std::from_chars(digits.data(), digits.data() + digits.size(), n);
        return n;
    }
    std::size_t left() const noexcept { return text_.size(); }

private:
    std::string_view text_;
};

void add(writer& w, const placement& p)
{
    w.add(p.at);
    w.add(std::uint64_t{p.restart});
    w.add(p.exe);
    w.add(static_cast<std::uint64_t>(p.nr));
    w.add(p.call_text);
    w.add(p.site);
    w.add(std::uint64_t{p.delivered});
    for (const difference& d : p.differences) {
        w.add(d.aspect);
        w.add(std::uint64_t{d.restart});
        w.add(d.without);
        w.add(d.with);
        w.add(std::uint64_t{d.seen});
        w.add(std::uint64_t{d.runs});
    }
}

placement placement_in(reader& r)
{
    placement p;
    p.at = r.text();
    p.restart = r.number() != 0;
    p.exe = r.text();
    p.nr = static_cast<long>(r.number());
    p.call_text = r.text();
    p.site = r.text();
    p.delivered = r.number() != 0;
    while (r.left() != 0) {
        difference d;
        d.aspect = r.text();
        d.restart = r.number() != 0;
        d.without = r.text();
        d.with = r.text();
        d.seen = static_cast<unsigned>(r.number());
        d.runs = static_cast<unsigned>(r.number());
        p.differences.push_back(std::move(d));
    }
    return p;
}

} // namespace

std::string packed(const message& m)
{
    writer w;
    w.add(std::uint64_t{m.index()});
    if (const auto* const p = std::get_if<placement>(&m)) {
        add(w, *p);
    } else if (const auto* const e = std::get_if<ended>(&m)) {
        w.add(static_cast<std::uint64_t>(e->verdict));
        w.add(e->why);
    } else if (const auto* const all = std::get_if<aspects>(&m)) {
        for (const std::string& a : *all)
            w.add(a);
    }
    writer whole;
    whole.add(w.text_);
    return whole.text_;
}

std::optional<message> next_message(std::string& text)
{
    reader outer(text);
    const std::optional<std::string_view> content = outer.field();
    if (!content)
        return std::nullopt;
    reader r(*content);
    message m;
    switch (r.number()) {
    case 0: m = placement_in(r); break;
    case 1: {
        const auto verdict = static_cast<exec_verdict>(r.number());
        m = ended{verdict, r.text()};
        break;
    }
    case 2: {
        aspects all;
        while (r.left() != 0)
            all.push_back(r.text());
        m = std::move(all);
        break;
    }
    default: m = std::monostate{}; break;
    }
    text.erase(0, text.size() - outer.left());
    return m;
}

} // namespace nmisim::exec
