// SPDX-License-Identifier: MIT
//
// Record and sweep. One child process records the window and then runs it once per boundary. When the child
// crashes or gets stuck at boundary k, that is the verdict on k, and a new child goes on at k + 1 with the
// same recording: a fork of the same parent has the same addresses.
#include "base/clock.hpp"
#include "explore/place/places.hpp"
#include "explore/step/itinerary.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>

#include <pthread.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

struct shared_cell {
    verdict result;
    bool done;
    std::uintptr_t delivered_at;
    shared_text<160> what;
};

struct shared_sweep {
    progress alive;
    std::atomic<std::uint32_t> current; ///< boundary in work; written by the child, read after its death
    std::atomic<bool> recorded;
    std::uint64_t record_ns;
    trace recording;
    shared_maps maps; ///< with what `setup` has loaded
};

struct job {
    const target& what;
    const limits& within;
    shared_array<shared_sweep>& shared;
    shared_array<std::uintptr_t>& ips;
    shared_array<shared_cell>& cells;
    bool sweep;
};

void call(function f)
{
    if (f != nullptr)
        f();
}

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
        j.shared->alive.tid[0].store(self->tid(),
                                     std::memory_order_relaxed); // for the parent, when this gets stuck
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

// A signal that arrived while it was blocked must not leak into the next run.
void drain(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    const timespec now{};
    while (sigtimedwait(&set, nullptr, &now) == signal) {
    }
}

void open(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

bool is_blocked(int signal)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, nullptr, &mask);
    return sigismember(&mask, signal) == 1;
}

void record_window(job& j, std::unique_ptr<stepped_thread>& self)
{
    const std::uint64_t start = now_ns();
    record_until_stable(j.shared->recording, [&](const plan& p) { run_once(j, self, p); });
    j.shared->record_ns = now_ns() - start;
    j.shared->maps.take(); // the window may have loaded something, too
    j.shared->recorded.store(true,
                             std::memory_order_release); // (5) release: the trace is whole; pairs with (6)
}

void judge(const job& j, const stepped_thread& self, std::uint32_t k, bool held)
{
    shared_cell& c = j.cells[k];
    c.delivered_at = self.delivered_at();
    if (!self.reached()) { // an oracle that counts the NMI would accuse the code here
        c.result = verdict::not_reached;
        c.what.set("the run took another path than the recorded one");
    } else if (self.raise_error() != 0) { // EAGAIN: the user's limit of pending signals
        c.result = verdict::not_reached;
        c.what.set(
            (std::string("the NMI could not be raised: ") + strerrorname_np(self.raise_error())).c_str());
    } else if (c.delivered_at == 0) {
        c.result = held ? verdict::held : verdict::not_reached;
        c.what.set(held ? "blocked until after the window" : "the NMI was not delivered");
    } else if (const char* broken = j.what.broken != nullptr ? j.what.broken() : nullptr; broken != nullptr) {
        c.result = verdict::violation;
        c.what.set(broken);
    } else {
        c.result = verdict::clean;
    }
    c.done = true;
}

int child_body(void* argument)
{
    job& j = *static_cast<job*>(argument);
    const int signal = j.what.signal != 0 ? j.what.signal : SIGRTMIN + 1;
    open(signal); // inherited closed, no NMI would ever arrive; setup may close it on purpose
    call(j.what.setup);
    if (!j.shared->recorded.load(std::memory_order_relaxed)) // this process or a dead one writes it
        j.shared->maps.take();
    install_handlers(signal, j.what.nmi);
    std::unique_ptr<stepped_thread> self;
    if (!j.what.thread_end)
        self = std::make_unique<stepped_thread>();
    run_once(j, self, plan{}); // first touches and lazy work are not part of the window
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
    if (!j.shared->recorded.load(std::memory_order_relaxed))      // this process or a dead one wrote it
        record_window(j, self);
    const trace& t = j.shared->recording;
    if (!j.sweep || !t.ended)
        return 0;
    const bool breakpoints = j.within.how == method::automatic && plant_gates({&t});
    const itinerary way(t, breakpoints ? method::automatic : method::single_step);
    path_tries tries;
    for (std::uint32_t k = j.shared->current.load(std::memory_order_relaxed); k < t.count; ++k) {
        j.shared->current.store(k, std::memory_order_relaxed);
        bool held = false;
        for (unsigned failed = 0; (failed == 0 || !self->reached()) && tries.another(failed); ++failed) {
            run_once(j, self, way.to(k, at_target::raise_nmi));
            held = is_blocked(signal);
            if (held)
                drain(signal);
            j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed);
        }
        judge(j, *self, k, held || j.what.thread_end);
    }
    j.shared->current.store(t.count, std::memory_order_relaxed);
    return 0;
}

std::string why_not_recorded(const trace& t, const limits& within)
{
    if (t.overflow)
        return "the window has more than " + std::to_string(within.boundaries) +
               " boundaries (a restartable sequence never ends under single-step)";
    if (t.count == 0)
        return "no boundary was seen";
    return "the window put back flags that were saved before it (popf): stepping ended early";
}

// exit(0) in the explored code looks like the child's own end.
bool came_to_its_end(const job& j, const child_result& end)
{
    const trace& t = j.shared->recording;
    return end.end == child_end::finished &&
           j.shared->recorded.load(std::memory_order_relaxed) && // its writer has ended
           (!j.sweep || !t.ended || j.shared->current.load(std::memory_order_relaxed) == t.count); // as above
}

// Turns a child's bad end into the verdict on the boundary that it was at; false: nothing can be gone on with.
bool note_bad_end(job& j, const child_result& end, sweep_report& report)
{
    const std::uint32_t k = j.shared->current.load(std::memory_order_relaxed); // its writer has ended
    const std::string what = in_words(end);
    const trace& t = j.shared->recording;
    const bool sweeping =
        j.shared->recorded.load(std::memory_order_acquire); // (6) acquire: the trace is whole; pairs with (5)
    if (!sweeping || end.end == child_end::failed || k >= t.count) {
        report.complete = false;
        report.incomplete = (sweeping ? "while exploring: " : "while recording: ") + what;
        return false;
    }
    j.cells[k].result = end.end == child_end::stuck ? verdict::hang : verdict::crash;
    j.cells[k].done = true;
    report.cells.push_back({k, j.cells[k].result, what, 0});
    j.shared->current.store(k + 1, std::memory_order_relaxed); // read by the next child, forked after this
    return k + 1 < t.count;
}

void collect(const job& j, sweep_report& report)
{
    const trace& t = j.shared->recording;
    for (std::uint32_t k = 0; k < t.count; ++k) {
        const shared_cell& c = j.cells[k];
        const bool ended_badly = c.result == verdict::crash || c.result == verdict::hang;
        if (c.done && !ended_badly)
            report.cells.push_back({k, c.result, c.what.text, c.delivered_at});
    }
    std::sort(report.cells.begin(), report.cells.end(),
              [](const sweep_cell& a, const sweep_cell& b) { return a.boundary < b.boundary; });
}

sweep_report explore(const target& what, const limits& within, bool sweep)
{
    const std::uint64_t start = now_ns();
    sweep_report report;
    report.name = what.name;
    report.absent = mechanism_absent();
    if (!report.absent.empty())
        return report;
    shared_array<shared_sweep> shared(1);
    shared_array<std::uintptr_t> ips(within.boundaries);
    shared_array<shared_cell> cells(within.boundaries);
    shared_array<code_bytes> code(within.boundaries);
    shared->recording.ip = ips.data();
    shared->recording.code = code.data();
    shared->recording.capacity = within.boundaries;
    job j{what, within, shared, ips, cells, sweep};
    repeated_hangs hangs(within.same_hangs);
    for (std::uint32_t bad = 0;; ++bad) {
        if (bad == within.bad_ends) {
            report.complete = false;
            report.incomplete = "gave up after " + std::to_string(bad) + " crashed or stuck runs";
            break;
        }
        const child_result end = watch_child(start_child(child_body, &j), shared->alive, within.watchdog_ns);
        if (came_to_its_end(j, end) || !note_bad_end(j, end, report))
            break;
        if (hangs.are_enough(end)) {
            report.complete = false;
            report.incomplete = hangs.in_words();
            break;
        }
    }
    const trace& t = shared->recording;
    if (report.complete && !t.ended) {
        report.complete = false;
        report.incomplete = why_not_recorded(t, within);
    }
    report.record_ns = shared->record_ns;
    report.boundaries = places(shared->maps.view()).of(t);
    collect(j, report);
    if (sweep && report.complete && report.cells.size() != report.boundaries.size()) {
        report.complete = false;
        report.incomplete =
            std::to_string(report.boundaries.size() - report.cells.size()) + " boundaries were not explored";
    }
    report.elapsed_ns = now_ns() - start;
    return report;
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
