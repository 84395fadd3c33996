// SPDX-License-Identifier: MIT
#include "explore/step/schedule.hpp"
#include "base/affinity.hpp"

#include "explore/place/decode_check.hpp"
#include "explore/replay/hold.hpp"
#include "explore/step/itinerary.hpp"
#include "explore/step/lockstep.hpp"

#include <algorithm>

namespace nmisim::explore {

namespace {

class explorer {
public:
    explorer(map_job& j, worker& reader, worker& updater)
        : job_(j), reader_(reader), updater_(updater),
          how_(plant_gates({&j.traces->reader, &j.traces->updater}) ? j.within.how : method::single_step),
          to_reader_(j.traces->reader, how_), to_updater_(j.traces->updater, how_)
    {
        // for the parent, if one of them gets stuck
        j.own->alive.tid[0].store(reader_.thread().tid(), std::memory_order_relaxed);
        j.own->alive.tid[1].store(updater_.thread().tid(), std::memory_order_relaxed);
        call(job_.what.prepare); // warms up
        reader_.start(job_.what.reader, plan{});
        updater_.start(job_.what.updater, plan{});
        finish();
    }

    void run(std::uint64_t n);

private:
    plan pause_at(const itinerary& way, std::uint32_t boundary) const;
    bool is_there(stop s) const noexcept;
    cell once(const schedule_id& s, const char*& broken);
    cell on_its_own_path(const schedule_id& s, const char*& broken);
    bool leaves_its_path(const schedule_id& s);
    std::uint32_t second_follows(const schedule_id& s);
    cell reader_first(const schedule_id& s);
    cell updater_first(const schedule_id& s);
    void finish();
    void same_for_the_rest(const schedule_id& s, shared_outcome o);

    map_job& job_;
    worker& reader_;
    worker& updater_;
    method how_;
    itinerary to_reader_;
    itinerary to_updater_;
    path_tries tries_;
    bool any_path_ = false; ///< it is not asked where a thread stops, only after how many instructions
    struct {
        bool reader;
        bool updater;
    } go_on_behind_{}; ///< they were paused, so there is more of their paths
};

plan explorer::pause_at(const itinerary& way, std::uint32_t boundary) const
{
    plan p = way.to(any_path_ ? no_boundary : boundary, at_target::pause);
    p.target = boundary;
    p.stop_before_waiting = true;
    return p;
}

// A path that is shorter than the recorded one has come to its end.
bool explorer::is_there(stop s) const noexcept
{
    return s == stop::at_boundary || (any_path_ && s == stop::ended);
}

// Both run to their ends. The reader first: the updater may wait for it.
void explorer::finish()
{
    stop r = reader_.last();
    stop u = updater_.last();
    while (r != stop::ended || u != stop::ended) {
        if (r != stop::ended && u == stop::ended)
            r = reader_.go_on_alone();
        else if (r != stop::ended)
            r = reader_.go_on();
        if (r == stop::ended && u != stop::ended)
            u = updater_.go_on_alone();
        else if (u != stop::ended)
            u = updater_.go_on(); // the reader waits for the updater
    }
}

cell explorer::reader_first(const schedule_id& s)
{
    const stop r = reader_.start(job_.what.reader, pause_at(to_reader_, s.reader));
    const stop u = updater_.start(job_.what.updater, pause_at(to_updater_, s.updater));
    const bool waited = u == stop::waiting;
    go_on_behind_ = {r == stop::at_boundary, u == stop::at_boundary};
    finish();
    if (!is_there(r))
        return cell::not_reached;
    return waited ? cell::waits : is_there(u) ? cell::ends : cell::not_reached;
}

cell explorer::updater_first(const schedule_id& s)
{
    stop u = stop::at_boundary;
    if (s.updater != 0)
        u = updater_.start(job_.what.updater, pause_at(to_updater_, s.updater));
    const stop r = reader_.start(job_.what.reader, pause_at(to_reader_, s.reader));
    const bool both_there = is_there(u) && is_there(r);
    go_on_behind_ = {r == stop::at_boundary, u == stop::at_boundary};
    plan whole;
    whole.stop_before_waiting = true;
    u = s.updater != 0 ? updater_.go_on() : updater_.start(job_.what.updater, whole);
    const bool waited = u == stop::waiting;
    if (waited && job_.own->waiting_at == 0) {
        job_.own->waiting_in = updater_.thread().waiting_in();
        job_.own->waiting_at = updater_.thread().waiting_at();
    }
    finish();
    if (!both_there)
        return cell::not_reached;
    return waited ? cell::waits : cell::ends;
}

// An updater that waits before boundary j does not come to any later one either: the same schedule.
void explorer::same_for_the_rest(const schedule_id& s, shared_outcome o)
{
    for (schedule_id later = s; ++later.updater < job_.traces->updater.count;)
        job_.outcomes[outcome_index(job_, later)] = o;
}

cell explorer::once(const schedule_id& s, const char*& broken)
{
    call(job_.what.prepare);
    run_begins(job_.hold);
    const cell result = s.reader_first ? reader_first(s) : updater_first(s);
    broken = job_.what.broken != nullptr ? job_.what.broken() : nullptr;
    job_.own->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life
    return result;
}

// A thread that what the other one wrote leads away from its recorded path is paused at as many instructions as the cell
// says. Of a path that is longer than the recorded one the last cell stands for the rest, so far.
cell explorer::on_its_own_path(const schedule_id& s, const char*& broken)
{
    const std::uint32_t last_reader = job_.traces->reader.count - 1;
    const std::uint32_t last_updater = job_.full ? job_.traces->updater.count - 1 : 0;
    constexpr std::uint32_t longer = 1000; // each of them is a run
    const std::uint32_t most_reader = last_reader + longer;
    const std::uint32_t most_updater = last_updater + longer;
    any_path_ = true;
    cell worst = cell::ends;
    schedule_id at = s;
    for (;;) {
        const cell c = once(at, broken);
        ++job_.own->schedules;
        if (c != cell::ends)
            worst = c == cell::not_reached || worst == cell::not_reached ? cell::not_reached : c;
        if (broken != nullptr)
            break;
        const bool more_of_updater = job_.full && s.updater == last_updater && go_on_behind_.updater;
        const bool more_of_reader = s.reader == last_reader && go_on_behind_.reader;
        if (!more_of_updater && !more_of_reader)
            break;
        if (more_of_updater ? at.updater == most_updater : at.reader == most_reader) {
            worst = cell::not_reached; // not all of the path was followed
            break;
        }
        if (more_of_updater)
            ++at.updater;
        else {
            ++at.reader;
            at.updater = s.updater;
        }
    }
    any_path_ = false;
    return worst;
}

std::uint32_t explorer::second_follows(const schedule_id& s)
{
    recording path = s.reader_first ? job_.traces->updater : job_.traces->reader; // others ask, too
    path.followed = false;
    plan p;
    p.follow = &path;
    p.stop_before_waiting = true;
    call(job_.what.prepare);
    run_begins(nullptr);
    stop second = stop::ended;
    if (s.reader_first) {
        reader_.start(job_.what.reader, pause_at(to_reader_, s.reader));
        second = updater_.start(job_.what.updater, p);
    } else {
        updater_.start(job_.what.updater, pause_at(to_updater_, s.updater));
        second = reader_.start(job_.what.reader, p);
    }
    finish();
    ++job_.own->schedules;
    job_.own->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life
    // Where it waits for the first one, its cells tell so by themselves; to step through a spin for each would take minutes.
    return path.followed || second != stop::ended ? no_boundary - 1
                                                  : (s.reader_first ? updater_ : reader_).thread().followed();
}

// A path that leaves the recorded one and comes back to it would meet its breakpoints, and never be paused in between. What
// the first thread wrote before its pause decides: one stepped run tells it for all places of the second one. By chance a run
// may leave its path, too, but not each.
bool explorer::leaves_its_path(const schedule_id& s)
{
    constexpr unsigned tries = 3;
    const std::uint32_t first = s.reader_first ? s.reader : s.updater;
    if (!job_.full || first == 0) // it has written nothing
        return false;
    second_path& known = job_.paths[s.reader_first ? first : job_.within.boundaries + first];
    if (known == 0) {
        known = asked_for_path;
        job_.own->asks = true;
        std::uint32_t followed = 0;
        for (unsigned n = 0; n < tries && followed != no_boundary - 1; ++n)
            followed = std::max(followed, second_follows(s));
        known = followed + 1;
        job_.own->asks = false;
    }
    return (s.reader_first ? s.updater : s.reader) + 1 >= known;
}

void explorer::run(std::uint64_t n)
{
    const schedule_id s = schedule_at(job_, n);
    shared_outcome& o = job_.outcomes[outcome_index(job_, s)];
    if (o.result != cell::unexplored)
        return;
    ++job_.own->schedules;
    cell result = cell::not_reached;
    const char* broken = nullptr;
    bool off_path = leaves_its_path(s);
    for (unsigned failed = 0;
         !off_path && result == cell::not_reached && broken == nullptr && tries_.another(failed); ++failed)
        result = once(s, broken);
    if (result == cell::not_reached && broken == nullptr) {
        off_path = true;
        result = on_its_own_path(s, broken);
    }
    const bool waits = result == cell::waits;
    if (broken != nullptr) {
        result = cell::violation;
        o.text = job_.own->texts.remember(broken);
        o.off_path = off_path;
    }
    o.result = result;
    if (waits && s.reader_first)
        same_for_the_rest(s, o);
}

void record_one(worker& w, function window, function prepare, recording& t)
{
    call(prepare);
    w.start(window, plan{});
    w.go_on_alone();
    record_until_stable(t, [&](const plan& p) {
        call(prepare);
        w.start(window, p);
        w.go_on_alone();
    });
}

/// They live until the process ends: a thread that RCU knows must not end without a word.
struct both_workers {
    worker& reader;
    worker& updater;
};

both_workers begin_pair(const map_job& j)
{
    if (j.within.processes == 1)
        pin_self_here(); // others explore beside this one. Refused: slower, not wrong
    else
        pin_self(static_cast<int>(j.process)); // as above
    install_handlers(0, nullptr);
    arch::step_by_breakpoints(j.within.how == method::automatic && can_check_decoding());
    call(j.what.setup);
    return {*new worker(j.what.reader_setup), *new worker(j.what.updater_setup)};
}

void record_windows(map_job& j, const both_workers& both)
{
    j.traces->maps.take();
    record_one(both.reader, j.what.reader, j.what.prepare, j.traces->reader);
    record_one(both.updater, j.what.updater, j.what.prepare, j.traces->updater);
    j.traces->maps.take(); // the windows may have loaded something, too
    j.traces->recorded = true;
}

} // namespace

std::string why_not_whole(const shared_traces& both)
{
    for (const recording* t : {&both.reader, &both.updater})
        if (!t->ended || t->count == 0)
            return std::string(t == &both.reader ? "reader" : "updater") +
                   (t->overflow ? ": more than " + std::to_string(t->capacity) + " boundaries"
                                : ": its recording did not come to the window's end");
    return {};
}

std::size_t outcome_index(const map_job& j, const schedule_id& s) noexcept
{
    const std::size_t columns = j.full ? j.traces->updater.count : 1;
    return (s.reader * columns + s.updater) * 2 + (s.reader_first ? 1 : 0);
}

std::uint64_t schedules_of(const map_job& j) noexcept
{
    if (j.only != nullptr)
        return *j.only + 1;
    const std::uint64_t rows =
        (j.traces->reader.count + j.within.processes - 1 - j.process) / j.within.processes;
    return j.full ? rows * j.traces->updater.count * 2 : rows;
}

std::uint64_t schedule_number(const map_job& j, const schedule_id& s) noexcept
{
    if (!j.full)
        return s.reader;
    const std::uint64_t columns = j.traces->updater.count;
    return (s.reader * 2 + (s.reader_first ? 1 : 0)) * columns + s.updater;
}

schedule_id schedule_at(const map_job& j, std::uint64_t n) noexcept
{
    const std::uint64_t columns = j.full ? std::uint64_t{j.traces->updater.count} * 2 : 1;
    const std::uint64_t in_row = n % columns;
    const std::uint64_t row = n / columns * j.within.processes + j.process;
    const bool first = in_row >= columns / 2 && j.full;
    const std::uint64_t updater = j.full ? in_row % j.traces->updater.count : 0;
    return {static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(updater), first};
}

int record_pair(void* argument)
{
    map_job& j = *static_cast<map_job*>(argument);
    const both_workers both = begin_pair(j);
    record_windows(j, both);
    return 0;
}

int explore_pair(void* argument)
{
    map_job& j = *static_cast<map_job*>(argument);
    const both_workers both = begin_pair(j);
    if (!j.traces->recorded)
        record_windows(j, both);
    if (!why_not_whole(*j.traces).empty())
        return 0;
    auto* e =
        new explorer(j, both.reader, both.updater); // it lives until the process ends, as its threads do
    // read after the end of this process
    j.own->alive.stage.store(child_stage::at_work, std::memory_order_relaxed);
    const std::uint64_t all = schedules_of(j);
    for (std::uint64_t n = j.own->current.load(std::memory_order_relaxed); n < all; ++n) {
        j.own->current.store(n, std::memory_order_relaxed); // read by the parent after this process has ended
        e->run(n);
    }
    j.own->current.store(all, std::memory_order_relaxed);
    return 0;
}

} // namespace nmisim::explore
