// SPDX-License-Identifier: MIT
#include "explore/replay/token.hpp"

#include "nmisim/explore_replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nmisim::explore {

namespace {

constexpr std::string_view version_of_tokens = "nmi1";

bool is_plain(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '+';
}

std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text)
        out += is_plain(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return out;
}

bool is_thread(char who) noexcept
{
    return who == 'A' || who == 'B' || who == 'C';
}

std::string text_of(const token_context& c)
{
    std::string out(1, c.who);
    if (c.stop == token_stop::by_itself)
        return out + 'w';
    if (c.stop == token_stop::at_end)
        out += 'e';
    else
        out += fmt::format("{}@{}+{:x}.{}", c.place.number, c.place.object, c.place.offset, c.place.rounds);
    return is_thread(c.who) ? out + fmt::format("d{}", c.drained) : out;
}

/// Takes a text apart from its front. What does not fit makes it `bad`, and everything after that is empty.
class reader_of_text {
public:
    explicit reader_of_text(std::string_view text) : rest_(text) {}

    bool at_end() const noexcept { return rest_.empty(); }
    bool bad() const noexcept { return bad_; }
    bool take(char c) noexcept
    {
        if (rest_.empty() || rest_.front() != c)
            return false;
        rest_.remove_prefix(1);
        return true;
    }
    void want(char c) noexcept { fail_unless(take(c)); }
    char letter_of(std::string_view letters) noexcept
    {
        const bool fits = !rest_.empty() && letters.find(rest_.front()) != std::string_view::npos;
        fail_unless(fits);
        const char c = fits ? rest_.front() : '\0';
        rest_.remove_prefix(fits ? 1 : 0);
        return c;
    }
    template <class Number>
    Number number(int base = 10) noexcept
    {
        Number n = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n, base);
        fail_unless(error == std::errc{});
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return n;
    }
    std::string word()
    {
        std::string out;
        while (!rest_.empty() && (is_plain(rest_.front()) || rest_.front() == '%')) {
            const char c = rest_.front();
            rest_.remove_prefix(1);
            if (c != '%') {
                out += c;
                continue;
            }
            unsigned code = 0;
            const std::string_view digits = rest_.substr(0, 2);
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
            fail_unless(error == std::errc{} && end == digits.data() + 2);
            rest_.remove_prefix(digits.size());
            out += static_cast<char>(code);
        }
        return out;
    }

private:
    void fail_unless(bool fits) noexcept
    {
        bad_ = bad_ || !fits;
        if (bad_)
            rest_ = {};
    }

    std::string_view rest_;
    bool bad_ = false;
};

token_context context_from(reader_of_text& from)
{
    token_context c;
    c.who = from.letter_of("NPSMABC");
    const bool of_a_map = is_thread(c.who);
    if ((of_a_map || c.who == 'M') && from.take('w')) {
        c.stop = token_stop::by_itself;
        return c;
    }
    if ((of_a_map || c.who == 'N') && from.take('e')) {
        c.stop = token_stop::at_end;
    } else {
        c.place.number = from.number<std::uint32_t>();
        from.want('@');
        c.place.object = from.number<std::size_t>();
        from.want('+');
        c.place.offset = from.number<std::uint64_t>(16);
        from.want('.');
        c.place.rounds = from.number<std::uint32_t>();
    }
    if (of_a_map) {
        from.want('d');
        c.drained = from.number<std::uint32_t>();
    }
    return c;
}

bool fits_together(const token& t)
{
    constexpr std::size_t most_contexts = 14; // of a schedule, the thread behind them, an NMI
    const bool of_a_sweep = t.is('s');
    if (t.is('s') + t.is('m') + t.is('r') != 1 || t.contexts.size() > most_contexts)
        return false;
    const bool of_two_signals = of_a_sweep && t.contexts.size() == 2 && t.contexts[0].who == 'N';
    if ((of_a_sweep && t.contexts.size() != (of_two_signals ? 2 : 1)) || (t.is('2') && !t.is('r')))
        return false;
    const std::size_t of_threads = t.contexts.size() - (t.has_second_nmi() ? 1 : 0);
    if (!of_a_sweep && of_threads == 0)
        return false;
    return std::all_of(t.contexts.begin(), t.contexts.end(), [&](const token_context& c) {
        const bool is_nmi = static_cast<std::size_t>(&c - t.contexts.data()) >= of_threads;
        const bool is_second = of_two_signals && &c == &t.contexts.back();
        return is_thread(c.who) != (of_a_sweep || is_nmi) && (c.who != 'C' || t.is('2')) &&
               (c.who == 'M') == is_second &&
               (c.stop == token_stop::at_place ? c.place.object < t.objects.size() : t.is('r') || is_second);
    });
}

} // namespace

std::string to_text(const token& t)
{
    std::string out = fmt::format("{}:{}:{}:", version_of_tokens, escaped(t.name), t.kind);
    for (const token_context& c : t.contexts)
        out += (&c == t.contexts.data() ? "" : ",") + text_of(c);
    out += ":";
    for (const token_object& o : t.objects)
        out += (&o == t.objects.data() ? "" : ",") + escaped(o.name) +
               (o.build_id.empty() ? "" : "=" + o.build_id);
    return out + fmt::format(":{:x}:{}", t.fingerprint, escaped(t.found));
}

std::string target_of_token(std::string_view text)
{
    const std::optional<token> t = token_of(text);
    return t ? t->name : std::string();
}

std::optional<token> token_of(std::string_view text)
{
    reader_of_text from(text);
    if (from.word() != version_of_tokens)
        return std::nullopt;
    token t;
    from.want(':');
    t.name = from.word();
    from.want(':');
    t.kind = from.word();
    from.want(':');
    while (!from.take(':') && !from.bad()) {
        if (!t.contexts.empty())
            from.want(',');
        t.contexts.push_back(context_from(from));
    }
    while (!from.take(':') && !from.bad()) {
        if (!t.objects.empty())
            from.want(',');
        token_object o;
        o.name = from.word();
        if (from.take('='))
            o.build_id = from.word();
        t.objects.push_back(std::move(o));
    }
    t.fingerprint = from.number<std::uint64_t>(16);
    from.want(':');
    t.found = from.word();
    if (from.bad() || !from.at_end() || !fits_together(t))
        return std::nullopt;
    return t;
}

} // namespace nmisim::explore
