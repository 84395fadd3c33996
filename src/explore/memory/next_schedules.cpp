// SPDX-License-Identifier: MIT
#include "explore/memory/next_schedules.hpp"

#include <algorithm>

namespace nmisim::explore {

// One that has spent no more preemptions, of no thread, and in which no more of them sleep, does all that this one may
// still do.
bool next_schedules::is_new(const schedule& s, const free_context& f, const place_to_go_on& at)
{
    if (!job_.within.reduce)
        return true;
    if (job_.within.memory != memory_model::sc) // what waits in a store buffer is no part of the state
        return true;
    std::uint64_t key = at.memory;
    spent now{};
    for (unsigned t = 0; t < run_.threads(); ++t) {
        key = mixed(key, t == f.thread ? at.thread : f.before.thread[t].state);
        now.preemptions[t] = static_cast<std::uint8_t>(s.preemptions_of(t));
    }
    now.asleep = at.asleep;
    std::vector<spent>& before = been_[mixed(key, (s.has_nmi() ? most_threads : 0) + s.next)];
    const auto no_more = [&](const spent& one) {
        for (unsigned t = 0; t < run_.threads(); ++t)
            if (one.preemptions[t] > now.preemptions[t])
                return false;
        return (one.asleep & ~now.asleep) == 0;
    };
    if (std::any_of(before.begin(), before.end(), no_more))
        return false;
    before.push_back(now);
    return true;
}

// Held before the point of this number, the thread sleeps, if there is a schedule in which it is held behind that access.
bool next_schedules::sleeps_before(const free_context& f, std::uint32_t point) const
{
    const memory_watch& w = run_.watch(f.thread);
    return job_.within.reduce && job_.within.memory == memory_model::sc && w.point(point).may_sleep &&
           (point + 1 == f.to || w.point(point + 1).useful);
}

// Whose turn is next sleeps.
bool next_schedules::is_left_out(const schedule& s, thread_set asleep) const
{
    return has(asleep, s.next) && (run_.threads() > 2 || !s.is_in_picture());
}

schedule* next_schedules::copy_of(const schedule& parent)
{
    if (shared_.count == shared_schedules::most) {
        shared_.incomplete.set("more schedules than are kept");
        return nullptr;
    }
    schedule& s = shared_.all[shared_.count++];
    s = parent;
    s.parent = static_cast<std::uint32_t>(&parent - shared_.all);
    // Not what came of it.
    s.updater_waited = false;
    s.result = cell::unexplored;
    s.text = s.told = 0;
    return &s;
}

// `stop` ends the context of this number behind the schedule's; those before it end by themselves, and may be the last.
void next_schedules::add_child(const schedule& parent, std::size_t free_one, const schedule_context& stop,
                               const place_to_go_on& at)
{
    const free_context& f = run_.free_contexts()[free_one];
    if (parent.contexts + free_one >= schedule::most_contexts) {
        shared_.incomplete.set("a schedule with more contexts than are kept");
        return;
    }
    for (unsigned n = 1; n < run_.threads(); ++n) {
        const unsigned next = (f.thread + n) % run_.threads();
        const bool by_default = stop.points == no_stop && next == run_.free_contexts()[free_one + 1].thread;
        if (run_.threads() > 2 && (by_default || !f.before.may_run(next, at.changes)))
            continue;
        schedule* const s = copy_of(parent);
        if (s == nullptr)
            return;
        for (std::size_t i = 0; i < free_one; ++i)
            s->at[s->contexts++].thread = static_cast<std::uint8_t>(run_.free_contexts()[i].thread);
        schedule_context& last = s->at[s->contexts++];
        last = stop;
        last.thread = static_cast<std::uint8_t>(f.thread);
        // The others that sleep here were put to sleep in contexts before this one; a run does that again.
        last.sleeps = has(at.asleep, f.thread);
        if (stop.points != no_stop)
            last.rounds = run_.watch(f.thread).rounds_at(stop.ip, stop.points);
        s->next = static_cast<std::uint8_t>(next);
        if (is_left_out(*s, at.asleep) || !is_new(*s, f, at))
            --shared_.count;
    }
}

void next_schedules::add_nmi(const schedule& parent, const free_context& f, std::uint32_t at,
                             const point_note& point)
{
    schedule* const s = copy_of(parent);
    if (s == nullptr)
        return;
    s->nmi_nested = point.ip != 0;
    s->nmi_at = at;
    s->nmi_ip = point.ip;
    s->nmi_rounds = run_.watch(the_reader).rounds_at(point.ip, at);
    schedule there = *s; // it goes on with the NMI
    there.next = the_reader;
    if (!is_new(
            there, f,
            {stopped_state(point.thread, f.before.thread[f.thread].waits), point.memory, 0, point.asleep}))
        --shared_.count;
}

// Before each point of a context that ended by itself, and behind the reader's end. Before the one at which the
// reader was held it would be the same as behind the pause. Where it waited it comes before the next look.
void next_schedules::add_nmis(const schedule& s, const free_context& f)
{
    const bool may_nest = s.preemptions_of(the_reader) <= 1 && s.preemptions_of(the_updater) <= 1;
    const memory_watch& w = run_.watch(f.thread);
    for (std::uint32_t p = f.was_held ? f.from + 1 : f.from; may_nest && p < f.to; ++p)
        if (w.point(p).useful)
            add_nmi(s, f, p, w.point(p));
    if (f.at_end)
        add_nmi(s, f, f.to, f.end);
}

void next_schedules::add_preemptions(const schedule& s, std::size_t free_one)
{
    const free_context& f = run_.free_contexts()[free_one];
    const memory_watch& w = run_.watch(f.thread);
    const std::uint32_t waits = f.before.thread[f.thread].waits;
    const auto preempt = [&](const point_note& p, std::uint32_t points, std::uint32_t drained) {
        const thread_set too = p.ip != 0 && sleeps_before(f, points) ? only(f.thread) : thread_set{0};
        add_child(
            s, free_one, {points, drained, p.waiting - drained, p.ip},
            {stopped_state(p.thread, waits), p.memory, p.changes, static_cast<thread_set>(p.asleep | too)});
    };
    const auto overtaken = [&](const point_note& p, std::uint32_t points) {
        for (unsigned d = 0; d < p.waiting; ++d)
            if ((p.overtaken >> d & 1) != 0)
                preempt(p, points, d);
    };
    const std::uint32_t first = s.has_nmi() && !f.nmi_before ? std::max(f.from + 1, s.nmi_at) : f.from + 1;
    for (std::uint32_t p = first; p < f.to; ++p) {
        if (!w.point(p).useful)
            continue;
        preempt(w.point(p), p, w.point(p).waiting);
        overtaken(w.point(p), p);
    }
    if (f.at_end)
        overtaken(f.end, f.to);
}

// Of three threads: another one's than that which came.
void next_schedules::add_turns(const schedule& s, std::size_t free_one)
{
    const free_context& f = run_.free_contexts()[free_one];
    add_child(s, free_one, {},
              {f.at_end ? ended_state(f.end.thread) : stopped_state(f.end.thread, f.waits), f.end.memory,
               f.end.changes, f.end.asleep});
}

// In each of the contexts that ended by themselves. Behind the NMI, if there is one: a preemption before it comes from the
// schedule without it. An NMI comes also where the others have ended: what they did may matter to it.
void next_schedules::add(const schedule& s)
{
    const bool nmi = s.has_nmi();
    if (job_.only != nullptr &&
        (s.by_rounds || s.contexts != 0 || nmi)) // those with one are what is learned from
        return;
    const bool wants_nmis =
        job_.what.nmi != nullptr && !nmi && (job_.only == nullptr || job_.only->has_nmi());
    const unsigned preemptions =
        s.nmi_nested ? std::min(1U, job_.within.preemptions) : job_.within.preemptions;
    const std::vector<free_context>& all = run_.free_contexts();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const free_context& f = all[i];
        if (has(f.before.asleep, f.thread))
            return; // the same comes from another one
        if (i != 0 && (!nmi || f.nmi_before)) {
            schedule there = s;
            there.next = static_cast<std::uint8_t>(f.thread);
            if (!is_new(there, f, {f.before.thread[f.thread].state, f.before.memory, 0, f.before.asleep}))
                return; // what follows comes from another one
        }
        if (!f.alone && (!nmi || f.nmi_after)) {
            if (s.preemptions_of(f.thread) < preemptions)
                add_preemptions(s, i);
            if (run_.threads() > 2 && i + 1 < all.size())
                add_turns(s, i);
        }
        if (wants_nmis && f.thread == the_reader)
            add_nmis(s, f);
    }
}

} // namespace nmisim::explore
