// SPDX-License-Identifier: MIT
#include "explore/memory/pair_run.hpp"

#include "explore/step/breakpoint.hpp"
#include "explore/step/system_call.hpp"

namespace nmisim::explore {

pair_run::pair_run(const race& what, code_table& code, bool buffered)
    : what_(what),
      threads_(threads_of(what)), worker_{new worker(what.reader_setup), new worker(what.updater_setup),
                                          threads_ == most_threads ? new worker(what.reader2_setup)
                                                                   : nullptr},
      watch_{{code, values_, sleepers_, the_reader, buffered},
             {code, values_, sleepers_, the_updater, buffered},
             {code, values_, sleepers_, the_second_reader, buffered}}
{
    watch_[the_reader].bind(watch_[the_updater]);
    watch_[the_updater].bind(watch_[the_reader]);
    call(what.prepare); // the first run binds functions and touches memory
    for (unsigned t = 0; t < threads_; ++t) {
        worker_[t]->start(window_of(t), plan{});
        started_[t] = true;
    }
    while (!all_ended())
        for (unsigned t = 0; t < threads_; ++t)
            go(t);
    if (what.nmi != nullptr) {
        call(what.prepare);
        worker_[the_reader]->start(what.nmi, plan{});
        worker_[the_reader]->go_on_alone();
    }
}

function pair_run::window_of(unsigned thread) const noexcept
{
    return thread == the_reader ? what_.reader : thread == the_updater ? what_.updater : what_.reader2;
}

bool pair_run::all_ended() const noexcept
{
    for (unsigned t = 0; t < threads_; ++t)
        if (!ended(t))
            return false;
    return true;
}

// The others have ended. Stores of a thread that has ended may still come.
bool pair_run::alone(unsigned thread) const noexcept
{
    for (unsigned t = 0; t < threads_; ++t)
        if (t != thread && (!ended(t) || watch_[t].buffer.count() != 0))
            return false;
    return true;
}

// Its stores that still wait are put back first.
stop pair_run::go(unsigned thread)
{
    watch_[thread].buffer.put_in();
    const stop s = run_on(thread);
    watch_[thread].settle();
    waits_since_[thread] = values_.changes();
    waits_[thread] += s == stop::waiting ? 1U : 0U;
    return s;
}

stop pair_run::run_on(unsigned thread)
{
    worker& w = *worker_[thread];
    if (!started_[thread]) {
        started_[thread] = true;
        plan p;
        p.watch = &watch_[thread];
        p.step_all = stepped_;
        p.stop_before_waiting = true;
        if (thread == the_reader)
            p.nmi = what_.nmi;
        return w.start(window_of(thread), p);
    }
    return alone(thread) ? w.go_on_alone() : w.go_on();
}

// True: a store that another thread waits for may have come.
bool pair_run::drain_others(unsigned thread) noexcept
{
    bool any = false;
    for (unsigned t = 0; t < threads_; ++t) {
        store_buffer& others = watch_[t].buffer;
        if (t == thread || !others.outside() || others.count() == 0)
            continue;
        others.drain_outside();
        any = true;
    }
    return any;
}

// A store buffer drains in finite time: a thread that waits looks again when the others' have.
stop pair_run::go_and_look_again(unsigned thread)
{
    const stop s = go(thread);
    return s == stop::waiting && drain_others(thread) ? go(thread) : s;
}

stop pair_run::until_it_ends_or_waits(schedule& s, unsigned thread)
{
    watch_[thread].stop_before({});
    const stop stopped = go_and_look_again(thread);
    if (stopped == stop::waiting && thread == the_updater && !alone(thread))
        s.updater_waited = true;
    return stopped;
}

run_state pair_run::state() const noexcept
{
    run_state now;
    now.memory = values_.state();
    now.asleep = sleepers_.asleep();
    for (unsigned t = 0; t < threads_; ++t) {
        run_state::one& o = now.thread[t];
        const stop last = started_[t] ? worker_[t]->last() : stop::not_started;
        const long waits_in = worker_[t]->thread().waiting_in();
        o.ended = last == stop::ended;
        o.waits = waits_[t];
        o.waits_since = waits_since_[t];
        o.waits_for_another = last == stop::waiting && (waits_in < 0 || !waits_for_time(waits_in));
        const std::uintptr_t ip = last == stop::at_boundary ? watch_[t].stopped_at() : 0;
        if (started_[t])
            o.state = o.ended ? ended_state(watch_[t].state(0)) : stopped_state(watch_[t].state(ip), o.waits);
    }
    return now;
}

// Of two threads the other one. Of three the next that has something to do, in the order reader, updater, reader 2.
unsigned pair_run::next_after(unsigned thread) const noexcept
{
    const auto after = [&](unsigned n) { return (thread + n) % threads_; };
    const run_state now = state();
    for (unsigned n = 1; n < threads_ && threads_ > 2; ++n)
        if (now.may_run(after(n), values_.changes()))
            return after(n);
    for (unsigned n = 1; n < threads_; ++n)
        if (threads_ == 2 || !ended(after(n)))
            return after(n);
    return thread;
}

void pair_run::tell(schedule& s, unsigned context, unsigned drained)
{
    const store_buffer& b = watch_[s.thread_of(context)].buffer;
    if (drained >= b.count() || s.told == std::size(s.stores))
        return;
    const waiting_store& w = b[drained];
    told_store& t = s.stores[s.told++];
    t = {w.by, w.address, w.overtaken_by, w.load_address, 0, w.size, static_cast<std::uint8_t>(context)};
    for (unsigned i = 0; i < w.size && i < sizeof t.value; ++i)
        t.value |= std::uint64_t{w.value[i]} << 8 * i;
}

// One context of the schedule. False: it did not end where it must.
bool pair_run::follow(schedule& s, unsigned context)
{
    schedule_context& c = s.at[context];
    const unsigned thread = s.thread_of(context);
    memory_watch& w = watch_[thread];
    if (c.points == no_stop) {
        if (ended(thread))
            w.buffer.drain_outside();
        else
            until_it_ends_or_waits(s, thread);
        w.buffer.empty();
        return true;
    }
    w.stop_before(s.by_rounds ? wanted_point{no_stop, c.ip, c.rounds}
                              : wanted_point{c.ip == 0 ? no_stop : c.points});
    const stop stopped = go_and_look_again(thread);
    if (s.by_rounds)
        c.points = w.points();
    if (stopped != (c.ip == 0 ? stop::ended : stop::at_boundary) || w.points() != c.points ||
        (c.ip != 0 && w.stopped_at() != c.ip) || w.buffer.count() < c.drained) {
        return false;
    }
    tell(s, context, c.drained);
    w.buffer.take_out(c.drained);
    if (c.sleeps)
        sleepers_.sleep(thread);
    return true;
}

void pair_run::finish(schedule& s)
{
    constexpr unsigned turns_for_ever = 64;
    unsigned turns = 0;
    for (unsigned thread = s.next; !all_ended(); thread = next_after(thread)) {
        memory_watch& w = watch_[thread];
        if (ended(thread)) {
            w.buffer.drain_outside();
            continue;
        }
        free_context f{.thread = thread, .from = started_[thread] ? w.points() : 0, .alone = alone(thread)};
        f.before = state();
        f.nmi_before = watch_[the_reader].nmi_taken();
        f.was_held = worker_[thread]->last() == stop::at_boundary;
        const stop stopped = until_it_ends_or_waits(s, thread);
        f.to = w.points();
        f.at_end = stopped == stop::ended;
        f.nmi_after = watch_[the_reader].nmi_taken();
        f.end = w.here(0);
        f.waits = waits_[thread];
        free_.push_back(f);
        w.buffer.empty();
        if (stopped == stop::waiting && ++turns == turns_for_ever)
            stand_still();
    }
    for (unsigned n = 0; n < threads_; ++n) // where both have stopped at their ends, the last one's come last
        watch_[(s.next + n) % threads_].buffer.drain_outside();
}

bool pair_run::run(schedule& s, bool stepped)
{
    stepped_ = stepped;
    free_.clear();
    s.updater_waited = false;
    s.told = 0;
    for (unsigned t = 0; t < threads_; ++t) {
        started_[t] = false;
        waits_[t] = waits_since_[t] = 0;
        watch_[t].begin(stepped, worker_[t]->thread_base());
    }
    watch_[the_reader].nmi_before(s.by_rounds && s.nmi_ip != 0 ? wanted_point{no_stop, s.nmi_ip, s.nmi_rounds}
                                                               : wanted_point{s.nmi_at});
    call(what_.prepare);
    values_.forget();
    sleepers_.wake_all();
    enable_watches(!stepped); // what prepares and judges is not watched
    bool followed = true;
    for (unsigned c = 0; c < s.contexts && followed; ++c)
        followed = follow(s, c);
    finish(s);
    if (s.by_rounds && s.has_nmi()) {
        followed = followed && watch_[the_reader].nmi_taken();
        s.nmi_at = followed ? watch_[the_reader].nmi_came_at() : s.nmi_at;
    }
    enable_watches(false);
    return followed;
}

} // namespace nmisim::explore
