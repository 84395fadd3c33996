// SPDX-License-Identifier: MIT
#include "explore/second_runs.hpp"

#include "explore/replay/token_places.hpp"
#include "explore/watch/explored_signal.hpp"

namespace nmisim::explore {

namespace {

// Where the first signal, raised at that boundary, came later; 0: there, or nowhere.
std::uintptr_t late_at(const job& j, std::uint32_t at)
{
    const recording& t = j.shared->steps;
    return at < t.count && j.cells[at].delivered_at != t.ip[at] ? j.cells[at].delivered_at : 0;
}

// Where the first signal is not delivered there is no handler to come into. Where it is blocked, the last boundary before it
// is delivered stands for all: nothing happens in between.
bool is_worth_a_run(const job& j, std::uint32_t at)
{
    const shared_cell& c = j.cells[at];
    if (!c.done || c.result != verdict::clean || c.delivered_at == 0)
        return false;
    return late_at(j, at) == 0 || late_at(j, at) != late_at(j, at + 1);
}

// Which run is next once the handler is recorded; those before it are not wanted.
std::uint32_t first_run_after_recording(const job& j)
{
    constexpr std::uint32_t run_of_inside_0 = 2;
    const wanted_pair* const wanted = j.only_pair;
    if (wanted == nullptr || wanted->together)
        return 1;
    const std::uint32_t inside = boundary_at(j.shared->second.handler, wanted->ip, wanted->round);
    return inside == not_in_recording ? inside : run_of_inside_0 + inside;
}

// A run that has missed its place is made again, a few times.
bool is_to_be_made_again(second_progress& s, bool strayed)
{
    constexpr unsigned at_one_pair = 20;
    if (strayed && s.failed++ < at_one_pair)
        return true;
    s.failed = 0;
    return false;
}

void judge_second(const job& j, const stepped_thread& self, shared_pair& p)
{
    const second_progress& s = j.shared->second;
    const int signal = j.what.second.signal;
    p.delivered_at = s.nmi.handler_at.load(std::memory_order_relaxed); // this thread's
    const bool delivered = p.delivered_at != 0;
    const bool ignored =
        s.nmi.without.load(std::memory_order_relaxed) == without_handler::ignored; // as above
    const bool blocked = !delivered && !j.what.thread_end && is_blocked(signal);
    const bool held = blocked && drain(signal);
    const bool reached = self.reached() && self.second_reached() && self.delivered_at() != 0;
    if (!reached)
        p.set(verdict::not_reached, "the run took another path than the recorded one");
    else if (!delivered && !ignored && !blocked)
        p.set(verdict::not_reached, "the second signal was not delivered");
    else if (held)
        p.set(verdict::held, "the second signal was blocked until after the window");
    else if (const char* broken = j.what.broken != nullptr ? j.what.broken() : nullptr; broken != nullptr)
        p.set(verdict::violation, broken);
    else if (!delivered)
        p.set(verdict::unhandled,
              ignored ? "no handler is installed there for the second signal"
                      : "the second signal was taken without its handler (sigwait, signalfd)");
}

} // namespace

void begin_second_signal(const job& j)
{
    const second_signal& second = j.what.second;
    if (second.signal == 0)
        return;
    delivery::begin(nth_signal::second, second.signal, second.nmi, &j.shared->second.nmi, j.signal());
}

bool has_another_pair(const job& j, std::uint32_t at)
{
    second_progress& s = j.shared->second;
    const bool is_only_one = j.only_pair != nullptr;
    const bool recorded = !s.records();
    const std::uint32_t runs =
        is_only_one && recorded ? first_run_after_recording(j) + 1 : 2 + s.handler.count;
    const bool more = recorded ? s.run < runs && s.handler.ended : is_only_one || is_worth_a_run(j, at);
    s.full = s.full || (more && s.count == j.within.pairs);
    if (more && !s.full)
        return true;
    s.run = 0; // of the next boundary
    s.failed = 0;
    return false;
}

void explore_pair_of_signals(const job& j, std::optional<stepped_thread>& self, const itinerary& way,
                             std::uint32_t at)
{
    second_progress& s = j.shared->second;
    s.ended = false;
    j.shared->nmi.clear();
    s.nmi.clear();
    j.shared->fault.signal.store(0, std::memory_order_relaxed); // one thread writes
    plan p = way.to(at, at_target::raise_nmi);
    p.alone = true;
    p.second.together = s.together();
    if (s.records()) {
        clear(s.handler);
        p.second.record = &s.handler;
    } else if (!s.together()) {
        p.second.target = s.inside();
        p.second.target_ip = s.handler.ip[s.inside()];
    }
    run_begins(s.records() ? nullptr : j.hold);
    run_once(j, self, p);
    delivery::over();
    fault_watch::disarm();
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
    s.ended = true;
    if (s.records()) {
        s.has_handler = s.has_handler || delivery::has_handler(nth_signal::second);
        if (is_to_be_made_again(s, !s.handler.ended))
            return;
        s.unrecorded += s.handler.ended ? 0 : 1;
        s.run = first_run_after_recording(j);
        return;
    }
    if (!j.what.thread_end && is_blocked(j.signal()))
        drain(
            j.signal()); // the second handler may have closed it: not reached, and not to come in the next run
    shared_pair& pair = j.pairs[s.count];
    pair = {};
    pair.boundary = at;
    pair.together = s.together();
    if (!s.together()) {
        pair.inside = s.inside();
        pair.ip = s.handler.ip[pair.inside];
        pair.code = s.handler.code[pair.inside];
        pair.round = rounds_before(s.handler, pair.inside);
    }
    judge_second(j, *self, pair);
    if (is_to_be_made_again(s, pair.result == verdict::not_reached))
        return;
    ++s.count;
    ++s.run;
}

} // namespace nmisim::explore
