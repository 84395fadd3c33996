// SPDX-License-Identifier: MIT
//
// Record and sweep. One child process records the window and then runs it once per boundary. When the run at
// boundary k ends the child, or gets stuck, that is the outcome at k, and a new child goes on at k + 1 with the
// same recording: a fork of the same parent has the same addresses.
//
// What a run leaves behind, as a heap does, may change the path of the next one. If boundaries were missed because of
// that, the sweep is repeated with each run in a fork of the child, so every run begins in the same state. That takes
// longer, and is not possible if the child has threads, which a fork does not copy. There the repeated sweep has a new
// recording all the same: the first one may have met a rare path, as that of a clock read that had to begin again.
#include "base/clock.hpp"
#include "explore/place/decode_check.hpp"
#include "explore/place/places.hpp"
#include "explore/replay/token_places.hpp"
#include "explore/second_signal.hpp"
#include "explore/step/system_call.hpp"
#include "explore/sweep_names.hpp"
#include "explore/sweep_runs.hpp"
#include "explore/watch/run_end.hpp"

#include <algorithm>
#include <csignal>
#include <optional>

namespace nmisim::explore {

namespace {

std::string why_not_recorded(const recording& t, const limits& within)
{
    if (t.overflow)
        return "the window has more than " + std::to_string(within.boundaries) +
               " boundaries (a restartable sequence never ends under single-step)";
    if (t.count == 0)
        return "no boundary was seen";
    return "the window put back flags that were saved before it (popf): stepping ended early";
}

void give_up(sweep_report& report, std::string why)
{
    report.complete = false;
    report.incomplete = std::move(why);
}

call_cell call_of(const job& j, std::uint32_t n, verdict v, std::string what)
{
    const recorded_call& call = j.shared->steps.call[n / 2];
    call_cell c;
    c.boundary = call.boundary;
    c.arrival = n % 2 == 0 ? arrival::pending : arrival::asleep;
    c.call = name_of_system_call(call.nr);
    c.verdict = v;
    c.what = std::move(what);
    return c;
}

// What a child's end says of the boundary that it was at. `bad` counts those that must not be; false: nothing can be gone
// on with.
bool note_end(job& j, const child_result& end, sweep_report& report, std::uint32_t& bad)
{
    const std::uint32_t k = j.shared->current.load(std::memory_order_relaxed); // its writer has ended
    const recording& t = j.shared->steps;
    const bool sweeping = j.shared->is_recorded();
    if (!sweeping || end.end == child_end::failed || end.stage_at_end != child_stage::at_work ||
        k >= j.runs()) {
        give_up(report, (sweeping ? "while exploring: " : "while recording: ") + in_words(end));
        return false;
    }
    judged_end judged = judge_end(j.what, j.signal(), end, j.shared->nmi);
    bad += judged.verdict != verdict::clean ? 1 : 0;
    const bool with_second = k >= j.first_with_second();
    places names(j.shared->maps.view());
    const std::uintptr_t handler_at = j.shared->nmi.handler_at.load(std::memory_order_relaxed); // as above
    if (judged.verdict == verdict::crash && end.end == child_end::crashed && end.code != j.signal()) {
        if (!j.shared->notes_faults && !with_second)
            note_fault_of(j, k);
        judged.what += where_it_died(end, j.shared->fault, names);
    }
    if (with_second)
        return note_end_of_pair(j, std::move(judged), k - j.first_with_second(), names, report);
    if (k < t.count)
        report.cells.push_back({k, judged.verdict, std::move(judged.what), handler_at});
    else
        report.calls.push_back(call_of(j, k - t.count, judged.verdict, std::move(judged.what)));
    j.shared->current.store(k + 1, std::memory_order_relaxed); // read by the next child, forked after this
    return k + 1 < j.runs();
}

std::string words_of_cell(const job& j, const shared_cell& c, places& names)
{
    if (!j.what.forked_child || c.result != verdict::crash)
        return c.what.text;
    child_result end;
    end.end = child_end::crashed;
    end.code = c.fault.killed_by();
    return "the child was " + in_words(end) + where_it_died(end, c.fault, names);
}

const char* nothing_to_try(const target& what, const limits& within)
{
    if (what.forked_child && (what.thread_end || what.second.signal != 0 || within.system_calls))
        return "nothing was tried: target::forked_child is for itself, without thread_end, second and "
               "system_calls";
    if (what.window == nullptr)
        return "nothing was tried: target::window is not set";
    if (what.signal == SIGTRAP || what.second.signal == SIGTRAP)
        return "nothing was tried: SIGTRAP is what the exploration steps by";
    if (what.second.signal == (what.signal != 0 ? what.signal : SIGRTMIN + 1))
        return "nothing was tried: target::second has the signal of the first one";
    return nullptr;
}

// Why no NMI ran its handler, if that is a mistake in the target and not a result.
std::string why_no_handler_ran(const job& j, const sweep_report& r)
{
    const std::string signal = describe_signal(j.signal());
    if (!j.shared->steps.handler)
        return "nothing was tried: no handler for " + signal +
               ": set target::nmi, or install one in setup or in the window";
    const std::size_t without = r.count(verdict::held) + r.count(verdict::unhandled);
    if (j.what.thread_end || j.what.forked_child || r.cells.empty() || without != r.cells.size())
        return {};
    return "nothing was tried: " + signal +
           " is blocked or ignored at every boundary, and its handler never ran";
}

// The first that holds is reported.
void look_for_gaps(const job& j, sweep_report& r)
{
    const recording& t = j.shared->steps;
    if (!t.ended)
        return give_up(r, j.what.forked_child && t.count == 0 ? "the window made no process"
                                                              : why_not_recorded(t, j.within));
    if (!j.sweep)
        return;
    if (std::string why = why_no_handler_ran(j, r); !why.empty())
        return give_up(r, std::move(why));
    if (r.cells.size() != t.count)
        give_up(r, std::to_string(t.count - r.cells.size()) + " boundaries were not explored");
    else if (j.within.system_calls && t.calls == recording::max_calls)
        give_up(r, "inside of " + std::to_string(t.calls) + " system calls, and there are more");
}

void write_tokens(const job& j, sweep_report& r, places& names)
{
    if (!has_finding(r))
        return;
    const recording& t = j.shared->steps;
    const token_writer tokens(
        r.name, std::string("s") + (j.within.fresh ? "f" : "") + (j.within.system_calls ? "c" : ""),
        names.objects(), {&t});
    const auto token_at = [&](std::uint32_t k, verdict v, char who) {
        return tokens.text({{who, token_stop::at_place, t.ip[k], k, rounds_before(t, k)}},
                           std::string(name_of(v)));
    };
    for (sweep_cell& c : r.cells)
        if (must_not_be(c.verdict))
            c.token = token_at(c.boundary, c.verdict, 'N');
    for (call_cell& c : r.calls)
        if (must_not_be(c.verdict))
            c.token = token_at(c.boundary, c.verdict, c.arrival == arrival::pending ? 'P' : 'S');
    write_pair_tokens(tokens, t, r);
}

// What was found. Empty, or why not all pairs of signals were explored.
std::string collect(const job& j, sweep_report& report, places& names)
{
    const recording& t = j.shared->steps;
    report.cells.reserve(t.count);
    for (std::uint32_t k = 0; k < t.count; ++k) {
        const shared_cell& c = j.cells[k];
        if (c.done)
            report.cells.push_back({k, c.result, words_of_cell(j, c, names), c.delivered_at});
    }
    for (std::uint32_t n = 0; n + t.count < j.runs(); ++n)
        if (const shared_call& c = j.shared->calls[n]; c.done && (c.entered || c.result != verdict::clean)) {
            call_cell one = call_of(j, n, c.result, c.what.text);
            if (c.entered)
                one.result = result_in_words(c.returned, c.restarted);
            report.calls.push_back(std::move(one));
        }
    std::sort(report.calls.begin(), report.calls.end(), [](const call_cell& a, const call_cell& b) {
        return a.boundary != b.boundary ? a.boundary < b.boundary : a.arrival < b.arrival;
    });
    std::sort(report.cells.begin(), report.cells.end(),
              [](const sweep_cell& a, const sweep_cell& b) { return a.boundary < b.boundary; });
    name_call_sites(t, report, names);
    std::string not_all = collect_pairs(j, names, report);
    report.boundaries =
        j.within.name_all ? names.of(t, std::vector<bool>(t.count, true)) : names.of(t, printed(t, report));
    write_tokens(j, report, names);
    return not_all;
}

struct attempt {
    sweep_report report;
    std::uint32_t strayed = 0; ///< boundaries that no run reached: all took other paths
    bool has_threads = false;
};

/// What all child processes of one exploration share.
struct exploration {
    exploration(const target& what, const limits& within, bool sweep, bool each_in_a_fork)
        : shared(1), boundaries(shared->steps, within.boundaries), cells(within.boundaries),
          with_second(what, within, shared->second), work{what, within, shared, cells, sweep, each_in_a_fork}
    {
        if (within.system_calls)
            tracer.emplace(shared->order, shared->alive);
        // A crash with two signals is not looked at again; one of a forked child is seen by its note only.
        shared->notes_faults = what.second.signal != 0 || what.forked_child;
        if (what.second.signal != 0)
            work.pairs = with_second.pairs.data();
    }

    shared_array<shared_sweep> shared;
    shared_boundaries boundaries;
    shared_array<shared_cell> cells;
    memory_of_pairs with_second;
    std::optional<call_tracer> tracer;
    job work;
};

std::string why_absent(const limits& within)
{
    const std::string absent = mechanism_absent();
    return absent.empty() && within.system_calls ? tracing_absent() : absent;
}

// The child goes on meanwhile. decoded_wrongly() remembers what is right: it is asked again when all is over, and is quick then.
void check_decoding_meanwhile(const job& j)
{
    if (!j.within.fresh && j.shared->wait_until_recorded()) {
        places names(j.shared->maps.view());
        static_cast<void>(decoded_wrongly(j.shared->steps, names));
    }
}

// One child after the other, each from where the one before it has ended.
void run_children(job& j, sweep_report& report, const held_watch* held = nullptr)
{
    repeated_hangs hangs(j.within.same_hangs);
    for (std::uint32_t bad = 0;;) {
        if (bad == j.within.bad_ends)
            return give_up(report, "gave up after " + std::to_string(bad) + " crashed or stuck runs");
        const pid_t child = start_child(explore_window_runs, &j, &j.shared->alive);
        check_decoding_meanwhile(j);
        const child_result end = watch_child(child, j.shared->alive, j.within.watchdog_ns, held);
        if (end.end == child_end::finished) {
            if (has_fresh_runs_left(j))
                continue;
            return;
        }
        if (!note_end(j, end, report, bad))
            return;
        if (hangs.are_enough(end))
            return give_up(report, hangs.in_words());
    }
}

attempt try_to_explore(const target& what, const limits& within, bool sweep, bool each_in_a_fork)
{
    const std::uint64_t start = now_ns();
    attempt a;
    sweep_report& report = a.report;
    report.name = what.name;
    if (const char* why = nothing_to_try(what, within); why != nullptr) {
        give_up(report, why);
        return a;
    }
    report.absent = why_absent(within);
    if (!report.absent.empty())
        return a;
    exploration e(what, within, sweep, each_in_a_fork);
    run_children(e.work, report);
    const recording& t = e.shared->steps;
    report.record_ns = e.shared->record_ns;
    places names(e.shared->maps.view());
    std::string not_all = collect(e.work, report, names);
    if (report.complete)
        look_for_gaps(e.work, report);
    if (report.complete && !not_all.empty())
        give_up(report, std::move(not_all));
    if (std::string why = decoded_wrongly(t, names); report.complete && !why.empty())
        give_up(report, std::move(why));
    for (std::uint32_t k = 0; k < t.count; ++k)
        a.strayed += e.cells[k].done && e.cells[k].strayed ? 1 : 0;
    a.has_threads = e.shared->has_threads;
    report.elapsed_ns = now_ns() - start;
    return a;
}

sweep_report explore(const target& what, const limits& within, bool sweep)
{
    attempt best = try_to_explore(what, within, sweep, false);
    for (int more = 2; more > 0 && best.strayed != 0 && best.report.complete && !within.fresh; --more) {
        attempt again = try_to_explore(what, within, sweep, !best.has_threads);
        const std::uint64_t spent_ns = best.report.elapsed_ns + again.report.elapsed_ns;
        if (again.report.complete && again.strayed <= best.strayed)
            best = std::move(again);
        best.report.elapsed_ns = spent_ns;
    }
    return std::move(best.report);
}

// What is to be run, as an index of `current`.
std::uint32_t run_of(const token& wanted, const job& j, const loaded_objects& objects)
{
    const recording& t = j.shared->steps;
    const token_context& c = wanted.contexts.front();
    const std::uint32_t k = boundary_at(t, address_of(wanted, c.place, objects), c.place.rounds);
    if (k == not_in_recording || c.who == 'N')
        return k == not_in_recording || j.only_pair == nullptr ? k : j.first_with_second() + k;
    for (std::uint32_t n = 0; n < t.calls; ++n)
        if (t.call[n].boundary == k)
            return t.count + 2 * n + (c.who == 'S' ? 1 : 0);
    return not_in_recording;
}

void run_again(const token& wanted, exploration& e, sweep_report& r, const on_hold& held)
{
    run_children(e.work, r); // it records
    const recording& t = e.shared->steps;
    places names(e.shared->maps.view());
    r.absent = why_refused(wanted, r.name, names.objects());
    if (!r.complete || !r.absent.empty())
        return;
    const std::optional<wanted_pair> pair = pair_of(wanted, names.objects());
    if (pair && e.work.pairs == nullptr)
        return give_up(r, "the token is of two signals, and target::second is not set");
    e.work.only_pair = pair ? &*pair : nullptr;
    const std::uint32_t n = run_of(wanted, e.work, names.objects());
    if (n == not_in_recording)
        return give_up(r, "the run does not come to the token's place: " +
                              why_another_path(wanted, names.objects(), {&t}));
    e.work.sweep = true;
    e.work.only = n;
    const held_watch watch{e.shared->hold, held};
    e.work.hold = held ? &e.shared->hold : nullptr;
    e.shared->hold.before = pair && !pair->together ? 2 : 1;
    e.shared->current.store(n, std::memory_order_relaxed); // read by the child, forked after this
    run_children(e.work, r, held ? &watch : nullptr);
    static_cast<void>(collect(e.work, r, names)); // one of them
    if (r.complete && !has_finding(r))
        give_up(r, "the finding did not come again: " + why_another_path(wanted, names.objects(), {&t}));
}

} // namespace

sweep_report replay(const target& what, std::string_view token_text, const limits& wanted,
                    const on_hold& held)
{
    const std::uint64_t start = now_ns();
    sweep_report r;
    r.name = what.name;
    const std::optional<token> t = token_of(token_text);
    if (!t || !t->is('s')) {
        give_up(r, "this is no token of a sweep");
        return r;
    }
    if (const char* why = nothing_to_try(what, wanted); why != nullptr) {
        give_up(r, why);
        return r;
    }
    limits within = wanted;
    within.fresh = t->is('f');
    within.system_calls = t->is('c');
    r.absent = why_absent(within);
    if (r.absent.empty()) {
        exploration e(what, within, false, false);
        run_again(*t, e, r, held);
    }
    r.elapsed_ns = now_ns() - start;
    return r;
}

sweep_report sweep(const target& what, const limits& within)
{
    return explore(what, within, true);
}

sweep_report record(const target& what, const limits& within)
{
    return explore(what, within, false);
}

} // namespace nmisim::explore
