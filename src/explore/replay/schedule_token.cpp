// SPDX-License-Identifier: MIT
#include "explore/replay/schedule_token.hpp"

namespace nmisim::explore {

namespace {

constexpr char letters_of_threads[] = "ABC"; ///< in the order of their numbers

token_stop stop_of(std::uint32_t points, std::uintptr_t ip) noexcept
{
    return points == no_stop ? token_stop::by_itself : ip == 0 ? token_stop::at_end : token_stop::at_place;
}

std::uint8_t number_of(char thread) noexcept
{
    return static_cast<std::uint8_t>(thread - letters_of_threads[0]);
}

// The last one of a thread, where token_of_schedule() writes the thread behind the contexts.
bool is_next(const token& t, const token_context& c) noexcept
{
    const std::size_t of_threads = t.contexts.size() - (t.has_second_nmi() ? 1 : 0);
    return &c == &t.contexts[of_threads - 1] && c.stop == token_stop::by_itself &&
           (of_threads == 1 || t.is('2'));
}

} // namespace

// The thread behind the contexts is written where it does not follow: the first one, and of three.
std::string token_of_schedule(const token_writer& tokens, const schedule& s, unsigned threads)
{
    std::vector<token_writer::stop> stops;
    for (unsigned c = 0; c < s.contexts; ++c) {
        const schedule_context& at = s.at[c];
        stops.push_back({letters_of_threads[at.thread], stop_of(at.points, at.ip), at.ip, at.points,
                         at.rounds, at.drained});
    }
    if (stops.empty() || threads > 2)
        stops.push_back({letters_of_threads[s.next], token_stop::by_itself});
    if (s.has_nmi())
        stops.push_back({'N', stop_of(s.nmi_at, s.nmi_ip), s.nmi_ip, s.nmi_at, s.nmi_rounds});
    return tokens.text(stops, std::string(name_of(s.result)));
}

bool schedule_of_token(const token& t, const loaded_objects& objects, schedule& s)
{
    s.by_rounds = true;
    for (const token_context& c : t.contexts) {
        const std::uintptr_t ip = c.stop == token_stop::at_place ? address_of(t, c.place, objects) : 0;
        if (c.who == 'N') {
            s.nmi_ip = ip;
            s.nmi_nested = ip != 0;
            s.nmi_rounds = c.place.rounds;
            s.nmi_at = ip == 0 ? no_stop - 1 : c.place.number; // known when it has come
            continue;
        }
        const std::uint8_t thread = number_of(c.who);
        if (is_next(t, c)) {
            s.next = thread;
            continue;
        }
        if (s.contexts == schedule::most_contexts)
            return false;
        s.next = thread == the_reader ? the_updater : the_reader; // unless one is written behind it
        s.at[s.contexts++] = {.points = c.stop == token_stop::by_itself ? no_stop : c.place.number,
                              .drained = c.drained,
                              .ip = ip,
                              .rounds = c.place.rounds,
                              .thread = thread};
    }
    return true;
}

std::string why_other_threads(const token& t, const race& what)
{
    if (t.is('2') != (what.reader2 != nullptr))
        return t.is('2') ? "the token is of a race with two readers"
                         : "the token is of a race with one reader";
    if (t.has_second_nmi() && what.nmi == nullptr)
        return "the token is of a race with an NMI of its own";
    return {};
}

} // namespace nmisim::explore
