// SPDX-License-Identifier: MIT
//
// Record and sweep. One child process records the window and then runs it once per boundary. When the run at
// boundary k ends the child, or gets stuck, that is the outcome at k, and a new child goes on at k + 1 with the
// same recording: a fork of the same parent has the same addresses.
//
// What a run leaves behind, as a heap does, may change the path of the next one. If boundaries were missed because of
// that, the sweep is repeated with each run in a fork of the child, so every run begins in the same state. That takes
// longer, and is not possible if the child has threads, which a fork does not copy.
#include "base/clock.hpp"
#include "explore/place/places.hpp"
#include "explore/step/delivery.hpp"
#include "explore/step/fault_note.hpp"
#include "explore/step/itinerary.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/explored_signal.hpp"
#include "explore/watch/own_process.hpp"
#include "explore/watch/run_end.hpp"
#include "explore/watch/shared.hpp"
#include "explore/watch/thread_state.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>

#include <pthread.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

struct shared_cell {
    verdict result;
    bool done;
    bool strayed; ///< not reached: the run took another path
    std::uintptr_t delivered_at;
    shared_text<160> what;
};

struct shared_sweep {
    progress alive;
    std::atomic<std::uint32_t> current; ///< boundary in work; written by the child, read after its death
    delivery_note nmi;                  ///< of the run in work
    fault_note fault;                   ///< as above
    std::atomic<bool> recorded;
    std::uint64_t record_ns;
    bool has_threads; ///< beside the one that explores
    recording steps;
    shared_maps maps; ///< with what `setup` has loaded
};

struct job {
    const target& what;
    const limits& within;
    shared_array<shared_sweep>& shared;
    shared_array<std::uintptr_t>& ips;
    shared_array<shared_cell>& cells;
    bool sweep;
    bool each_in_a_fork;

    int signal() const { return what.signal != 0 ? what.signal : SIGRTMIN + 1; }
};

struct ending_thread {
    const target& what;
    const plan& p;
    std::unique_ptr<stepped_thread>& self;
    progress& alive;
};

void* end_under_control(void* argument)
{
    const ending_thread& e = *static_cast<ending_thread*>(argument);
    e.self = std::make_unique<stepped_thread>();
    e.alive.tid[0].store(e.self->tid(), std::memory_order_relaxed); // for the parent, when this gets stuck
    call(e.what.window);
    e.self->run_thread_end(e.p);
    return nullptr;
}

// One run of the window by the calling thread, or of the end of a thread made for it.
void run_once(const job& j, std::unique_ptr<stepped_thread>& self, const plan& p)
{
    const target& what = j.what;
    call(what.prepare);
    if (!what.thread_end) {
        // for the parent, when this gets stuck
        j.shared->alive.tid[0].store(self->tid(), std::memory_order_relaxed);
        self->run(what.window, p);
        return;
    }
    ending_thread e{what, p, self, j.shared->alive};
    pthread_t thread;
    if (const int error = pthread_create(&thread, nullptr, end_under_control, &e); error != 0)
        throw std::system_error(error, std::generic_category(),
                                "pthread_create of a thread whose end is explored");
    pthread_join(thread, nullptr);
}

void record_window(job& j, std::unique_ptr<stepped_thread>& self)
{
    const std::uint64_t start = now_ns();
    const recording& t = j.shared->steps;
    record_until_stable(j.shared->steps, [&](const plan& p) {
        in_its_process(
            j.each_in_a_fork, self, [&] { run_once(j, self, p); }, [&] { return t.ended || t.overflow; });
    });
    j.shared->record_ns = now_ns() - start;
    j.shared->maps.take(); // the window may have loaded something, too
    // (5) release: the recording is whole; pairs with (6)
    j.shared->recorded.store(true, std::memory_order_release);
}

enum class fate : std::uint8_t { delivered, held, ignored, taken, lost };

// Of an NMI that was raised. A thread that ends loses what is pending for it.
fate fate_of(const job& j, const stepped_thread& self)
{
    if (self.delivered_at() != 0)
        return fate::delivered;
    if (j.shared->nmi.without.load(std::memory_order_relaxed) == without_handler::ignored) // this thread's
        return fate::ignored;
    if (j.what.thread_end)
        return self.raised_while_blocked() ? fate::held : fate::lost;
    if (!is_blocked(j.signal()))
        return fate::lost;
    return drain(j.signal()) ? fate::held : fate::taken;
}

void judge(const job& j, const stepped_thread& self, std::uint32_t k, fate nmi)
{
    shared_cell& c = j.cells[k];
    c.delivered_at = self.delivered_at();
    c.strayed = !self.reached();
    if (!self.reached()) { // an oracle that counts the NMI would accuse the code here
        c.result = verdict::not_reached;
        c.what.set(
            j.each_in_a_fork ? "the run took another path than the recorded one, from the same state: time "
                               "or chance decide"
            : j.shared->has_threads
                ? "the run took another path than the recorded one: put back in `prepare` what a run leaves"
                : "the run took another path than the recorded one");
    } else if (self.raise_error() != 0) { // EAGAIN: the user's limit of pending signals
        c.result = verdict::not_reached;
        c.what.set(
            (std::string("the NMI could not be raised: ") + strerrorname_np(self.raise_error())).c_str());
    } else if (nmi == fate::held) {
        c.result = verdict::held;
        c.what.set("blocked until after the window");
    } else if (nmi == fate::lost) {
        c.result = verdict::not_reached;
        c.what.set("the NMI was not delivered");
    } else if (const char* broken = j.what.broken != nullptr ? j.what.broken() : nullptr; broken != nullptr) {
        c.result = verdict::violation;
        c.what.set(broken);
    } else if (nmi != fate::delivered) {
        c.result = verdict::unhandled;
        c.what.set(nmi == fate::ignored ? "ignored: no handler is installed there"
                                        : "taken without its handler (sigwait, signalfd)");
    } else {
        c.result = verdict::clean;
    }
    c.done = true;
}

void explore_boundary(const job& j, std::unique_ptr<stepped_thread>& self, const itinerary& way,
                      std::uint32_t k)
{
    j.shared->nmi.clear();
    j.shared->fault.signal.store(0, std::memory_order_relaxed); // one thread writes
    run_once(j, self, way.to(k, at_target::raise_nmi));
    delivery::over();
    judge(j, *self, k, fate_of(j, *self));
    fault_watch::disarm();
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
}

int child_body(void* argument)
{
    job& j = *static_cast<job*>(argument);
    change_mask(SIG_UNBLOCK,
                j.signal()); // inherited closed, no NMI would ever arrive; setup may close it on purpose
    call(j.what.setup);
    if (!j.shared->recorded.load(std::memory_order_relaxed)) // this process or a dead one writes it
        j.shared->maps.take();
    install_handlers(j.signal(), j.what.nmi, &j.shared->nmi);
    fault_watch::begin(j.signal(), &j.shared->fault);
    std::unique_ptr<stepped_thread> self;
    if (!j.what.thread_end)
        self = std::make_unique<stepped_thread>();
    run_once(j, self, plan{}); // first touches and lazy work are not part of the window
    change_mask(
        SIG_UNBLOCK,
        SIGTRAP); // that run was not stepped: signals that it blocked are blocked, and `prepare` may meet a gate
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
    j.shared->has_threads = threads_of(getpid()).size() != 1;
    if (!j.shared->recorded.load(std::memory_order_relaxed)) // this process or a dead one wrote it
        record_window(j, self);
    const recording& t = j.shared->steps;
    if (!j.sweep || !t.ended || !t.handler)
        return 0;
    const bool breakpoints = j.within.how == method::automatic && plant_gates({&t});
    const itinerary way(t, breakpoints ? method::automatic : method::single_step);
    path_tries tries;
    j.shared->alive.stage.store(child_stage::at_work, std::memory_order_relaxed); // read after its end
    for (std::uint32_t k = j.shared->current.load(std::memory_order_relaxed); k < t.count; ++k) {
        j.shared->current.store(k, std::memory_order_relaxed);
        shared_cell& c = j.cells[k];
        for (unsigned failed = 0; (failed == 0 || c.strayed) && tries.another(failed); ++failed) {
            c.done = false;
            in_its_process(
                j.each_in_a_fork, self, [&] { explore_boundary(j, self, way, k); }, [&] { return c.done; });
        }
    }
    j.shared->current.store(t.count, std::memory_order_relaxed);
    return 0;
}

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

// What a child's end says of the boundary that it was at. `bad` counts those that must not be; false: nothing can be gone
// on with.
bool note_end(job& j, const child_result& end, sweep_report& report, std::uint32_t& bad)
{
    const std::uint32_t k = j.shared->current.load(std::memory_order_relaxed); // its writer has ended
    const recording& t = j.shared->steps;
    // (6) acquire: the recording is whole; pairs with (5)
    const bool sweeping = j.shared->recorded.load(std::memory_order_acquire);
    if (!sweeping || end.end == child_end::failed || end.stage_at_end != child_stage::at_work ||
        k >= t.count) {
        give_up(report, (sweeping ? "while exploring: " : "while recording: ") + in_words(end));
        return false;
    }
    judged_end judged = judge_end(j.what, j.signal(), end, j.shared->nmi);
    bad += judged.verdict != verdict::clean ? 1 : 0;
    places names(j.shared->maps.view());
    if (judged.verdict == verdict::crash)
        judged.what += where_it_died(end, j.shared->fault, names);
    report.cells.push_back({k, judged.verdict, std::move(judged.what),
                            j.shared->nmi.handler_at.load(std::memory_order_relaxed)}); // as above
    j.shared->current.store(k + 1, std::memory_order_relaxed); // read by the next child, forked after this
    return k + 1 < t.count;
}

void collect(const job& j, sweep_report& report)
{
    const recording& t = j.shared->steps;
    for (std::uint32_t k = 0; k < t.count; ++k) {
        const shared_cell& c = j.cells[k];
        if (c.done)
            report.cells.push_back({k, c.result, c.what.text, c.delivered_at});
    }
    std::sort(report.cells.begin(), report.cells.end(),
              [](const sweep_cell& a, const sweep_cell& b) { return a.boundary < b.boundary; });
}

const char* nothing_to_try(const target& what)
{
    if (what.window == nullptr)
        return "nothing was tried: target::window is not set";
    if (what.signal == SIGTRAP)
        return "nothing was tried: SIGTRAP is what the exploration steps by";
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
    if (j.what.thread_end || r.cells.empty() || without != r.cells.size())
        return {};
    return "nothing was tried: " + signal +
           " is blocked or ignored at every boundary, and its handler never ran";
}

// The first that holds is reported.
void look_for_gaps(const job& j, sweep_report& r)
{
    const recording& t = j.shared->steps;
    if (!t.ended)
        return give_up(r, why_not_recorded(t, j.within));
    if (!j.sweep)
        return;
    if (std::string why = why_no_handler_ran(j, r); !why.empty())
        return give_up(r, std::move(why));
    if (r.cells.size() != t.count)
        give_up(r, std::to_string(t.count - r.cells.size()) + " boundaries were not explored");
}

struct attempt {
    sweep_report report;
    bool strayed = false; ///< runs took other paths, and each in a fork may not
};

attempt try_to_explore(const target& what, const limits& within, bool sweep, bool each_in_a_fork)
{
    const std::uint64_t start = now_ns();
    attempt a;
    sweep_report& report = a.report;
    report.name = what.name;
    if (const char* why = nothing_to_try(what); why != nullptr) {
        give_up(report, why);
        return a;
    }
    report.absent = mechanism_absent();
    if (!report.absent.empty())
        return a;
    shared_array<shared_sweep> shared(1);
    shared_array<std::uintptr_t> ips(within.boundaries);
    shared_array<shared_cell> cells(within.boundaries);
    shared_array<code_bytes> code(within.boundaries);
    shared->steps.ip = ips.data();
    shared->steps.code = code.data();
    shared->steps.capacity = within.boundaries;
    job j{what, within, shared, ips, cells, sweep, each_in_a_fork};
    repeated_hangs hangs(within.same_hangs);
    for (std::uint32_t bad = 0;;) {
        if (bad == within.bad_ends) {
            give_up(report, "gave up after " + std::to_string(bad) + " crashed or stuck runs");
            break;
        }
        const child_result end =
            watch_child(start_child(child_body, &j, &shared->alive), shared->alive, within.watchdog_ns);
        if (end.end == child_end::finished || !note_end(j, end, report, bad))
            break;
        if (hangs.are_enough(end)) {
            give_up(report, hangs.in_words());
            break;
        }
    }
    const recording& t = shared->steps;
    report.record_ns = shared->record_ns;
    report.boundaries = places(shared->maps.view()).of(t);
    collect(j, report);
    if (report.complete)
        look_for_gaps(j, report);
    for (std::uint32_t k = 0; k < t.count && !shared->has_threads; ++k)
        a.strayed = a.strayed || (cells[k].done && cells[k].strayed);
    report.elapsed_ns = now_ns() - start;
    return a;
}

sweep_report explore(const target& what, const limits& within, bool sweep)
{
    attempt first = try_to_explore(what, within, sweep, false);
    if (!first.strayed || !first.report.complete)
        return std::move(first.report);
    attempt second = try_to_explore(what, within, sweep, true);
    second.report.elapsed_ns += first.report.elapsed_ns;
    return std::move(second.report.complete ? second.report : first.report);
}

} // namespace

sweep_report sweep(const target& what, const limits& within)
{
    return explore(what, within, true);
}

sweep_report record(const target& what, const limits& within)
{
    return explore(what, within, false);
}

} // namespace nmisim::explore
