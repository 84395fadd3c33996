// SPDX-License-Identifier: MIT
#include "explore/memory/pair_run.hpp"

#include "explore/step/breakpoint.hpp"

namespace nmisim::explore {

namespace {

constexpr unsigned the_reader = 0;
constexpr unsigned the_updater = 1;

} // namespace

pair_run::pair_run(const race& what, code_table& code, bool buffered)
    : what_(what), worker_{new worker(what.reader_setup), new worker(what.updater_setup)},
      watch_{{code, values_, the_reader, buffered}, {code, values_, the_updater, buffered}}
{
    watch_[the_reader].bind(watch_[the_updater]);
    watch_[the_updater].bind(watch_[the_reader]);
    call(what.prepare); // the first run binds functions and touches memory
    worker_[the_reader]->start(what.reader, plan{});
    worker_[the_updater]->start(what.updater, plan{});
    started_[the_reader] = started_[the_updater] = true;
    while (!ended(the_reader) || !ended(the_updater)) {
        go(the_reader);
        go(the_updater);
    }
    if (what.nmi != nullptr) {
        call(what.prepare);
        worker_[the_reader]->start(what.nmi, plan{});
        worker_[the_reader]->go_on_alone();
    }
}

// Its stores that still wait are put back first.
stop pair_run::go(unsigned thread)
{
    watch_[thread].buffer.put_in();
    const stop s = run_on(thread);
    watch_[thread].settle();
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
        return w.start(thread == the_reader ? what_.reader : what_.updater, p);
    }
    // Stores of a thread that has ended may still come.
    if (!ended(1 - thread) || watch_[1 - thread].buffer.count() != 0)
        return w.go_on();
    if (w.go_on_alone() == stop::for_ever)
        stand_still();
    return w.last();
}

void pair_run::note_wait(unsigned thread) noexcept
{
    updater_waited_ = updater_waited_ || (thread == the_updater && !ended(the_reader));
}

// A store buffer drains in finite time: a thread that waits looks again when the other one's has.
stop pair_run::go_and_look_again(unsigned thread)
{
    const stop s = go(thread);
    store_buffer& others = watch_[1 - thread].buffer;
    if (s != stop::waiting || !others.outside() || others.count() == 0)
        return s;
    others.drain_outside();
    return go(thread);
}

stop pair_run::until_it_ends_or_waits(unsigned thread)
{
    watch_[thread].stop_at(no_stop);
    const stop s = go_and_look_again(thread);
    if (s == stop::waiting)
        note_wait(thread);
    return s;
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
            until_it_ends_or_waits(thread);
        w.buffer.empty();
        return true;
    }
    if (s.by_rounds && c.ip != 0)
        w.stop_after_rounds(c.ip, c.rounds);
    else
        w.stop_at(c.ip == 0 ? no_stop : c.points);
    const stop stopped = go_and_look_again(thread);
    if (s.by_rounds)
        c.points = w.points();
    if (stopped != (c.ip == 0 ? stop::ended : stop::at_boundary) || w.points() != c.points ||
        (c.ip != 0 && w.stopped_at() != c.ip) || w.buffer.count() < c.drained) {
        return false;
    }
    tell(s, context, c.drained);
    w.buffer.take_out(c.drained);
    return true;
}

void pair_run::finish(const schedule& s)
{
    constexpr unsigned turns_for_ever = 64;
    unsigned thread = s.thread_of(s.contexts);
    for (unsigned turns = 0; !ended(the_reader) || !ended(the_updater); thread = 1 - thread) {
        memory_watch& w = watch_[thread];
        const std::uint32_t from = started_[thread] ? w.points() : 0;
        if (ended(thread)) {
            w.buffer.drain_outside();
            continue;
        }
        const bool alone = ended(1 - thread) && watch_[1 - thread].buffer.count() == 0;
        const bool nmi_before = watch_[the_reader].nmi_taken();
        const stop stopped = until_it_ends_or_waits(thread);
        free_.push_back({thread, from, w.points(), stopped == stop::ended, alone, nmi_before,
                         watch_[the_reader].nmi_taken(), w.here(0)});
        w.buffer.empty();
        if (stopped == stop::waiting && ++turns == turns_for_ever)
            stand_still();
    }
    watch_[thread].buffer.drain_outside();
    watch_[1 - thread].buffer.drain_outside();
}

pair_outcome pair_run::run(schedule& s, bool stepped)
{
    stepped_ = stepped;
    updater_waited_ = false;
    free_.clear();
    s.told = 0;
    for (const unsigned t : {the_reader, the_updater}) {
        started_[t] = false;
        watch_[t].begin(stepped, worker_[t]->thread_base());
    }
    watch_[the_reader].nmi_at(s.nmi_at);
    call(what_.prepare);
    values_.forget();
    enable_watches(!stepped); // what prepares and judges is not watched
    pair_outcome o;
    o.followed = true;
    for (unsigned c = 0; c < s.contexts && o.followed; ++c)
        o.followed = follow(s, c);
    finish(s);
    enable_watches(false);
    o.updater_waited = updater_waited_;
    return o;
}

} // namespace nmisim::explore
