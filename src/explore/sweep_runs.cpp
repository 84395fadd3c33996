// SPDX-License-Identifier: MIT
#include "explore/sweep_runs.hpp"

#include "base/clock.hpp"
#include "explore/place/decode_check.hpp"
#include "explore/second_runs.hpp"
#include "explore/step/itinerary.hpp"
#include "explore/sweep_judge.hpp"
#include "explore/watch/explored_signal.hpp"
#include "explore/watch/own_process.hpp"
#include "explore/watch/thread_state.hpp"

#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

struct ending_thread {
    const target& what;
    const plan& p;
    std::optional<stepped_thread>& self;
    progress& alive;
};

void* end_under_control(void* argument)
{
    const ending_thread& e = *static_cast<ending_thread*>(argument);
    e.self.emplace(); // no memory of malloc: a thread that ends gives back what it has of that
    e.alive.tid[0].store(e.self->tid(), std::memory_order_relaxed); // for the parent, when this gets stuck
    call(e.what.window);
    e.self->run_thread_end(e.p);
    return nullptr;
}

} // namespace

// Between processes, so not a private futex.
void shared_sweep::recorded_now() noexcept
{
    recorded.store(1, std::memory_order_release); // (1) release: it is whole; pairs with (2)
    arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&recorded), FUTEX_WAKE, 1);
}

bool shared_sweep::is_recorded() const noexcept
{
    return recorded.load(std::memory_order_acquire) != 0; // (2) acquire: it is whole; pairs with (1)
}

bool shared_sweep::wait_until_recorded() const noexcept
{
    constexpr timespec a_while{0, 5'000'000};
    if (!is_recorded())
        arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&recorded), FUTEX_WAIT, 0,
                              reinterpret_cast<long>(&a_while));
    return is_recorded();
}

void run_once(const job& j, std::optional<stepped_thread>& self, const plan& p)
{
    const target& what = j.what;
    call(what.prepare);
    if (!what.thread_end) {
        // for the parent, when this gets stuck; a process that it makes may be what is stuck
        j.shared->alive.tid[0].store(what.forked_child ? 0 : self->tid(), std::memory_order_relaxed);
        plan all = p;
        if (what.forked_child) {
            j.shared->forked = {};
            all.forked = &j.shared->forked;
        }
        self->run(what.window, all);
        return;
    }
    ending_thread e{what, p, self, j.shared->alive};
    pthread_t thread;
    if (const int error = pthread_create(&thread, nullptr, end_under_control, &e); error != 0)
        throw std::system_error(error, std::generic_category(),
                                "pthread_create of a thread whose end is explored");
    pthread_join(thread, nullptr);
}

namespace {

// The NMI that ended a wait is no NMI of the next run.
void record_once(job& j, std::optional<stepped_thread>& self, plan p)
{
    p.order = j.order();
    allow_tracer(j.shared->alive); // in each process: a fork does not inherit it
    run_once(j, self, p);
    if (!j.shared->steps.waits_for_signal)
        return;
    wait_for_end_of(j.shared->order);
    delivery::over();
    fault_watch::disarm();
    if (is_blocked(j.signal()))
        drain(j.signal());
    j.shared->nmi.clear();
}

void record_window(job& j, std::optional<stepped_thread>& self)
{
    const std::uint64_t start = now_ns();
    const recording& t = j.shared->steps;
    record_until_stable(j.shared->steps, [&](const plan& p) {
        in_its_process(
            j.each_in_a_fork, self,
            [&] {
                record_once(j, self, p);
                j.shared->steps.run_over = true;
            },
            [&] { return t.run_over; });
    });
    j.shared->record_ns = now_ns() - start;
    if (!made_no_system_call(t)) // the window may have loaded something, too
        j.shared->maps.take();
    j.shared->recorded_now();
}

void explore_boundary(const job& j, std::optional<stepped_thread>& self, const itinerary& way,
                      std::uint32_t k)
{
    j.shared->nmi.clear();
    j.shared->fault.signal.store(0, std::memory_order_relaxed); // one thread writes
    plan p = way.to(k, at_target::raise_nmi);
    p.alone = true;
    run_begins(j.hold);
    run_once(j, self, p);
    delivery::over();
    judge(j, *self, k, fate_of(j, *self));
    fault_watch::disarm();
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
}

void explore_call(const job& j, std::optional<stepped_thread>& self, const itinerary& way, std::uint32_t n)
{
    const recording& t = j.shared->steps;
    shared_call& c = j.shared->calls[n];
    plan p = way.to(t.call[n / 2].boundary, at_target::enter_call);
    p.when = n % 2 == 0 ? arrival::pending : arrival::asleep;
    p.order = j.order();
    p.alone = true;
    j.shared->nmi.clear();
    j.shared->order.error = 0;
    j.shared->order.raise_anyway = t.waits_for_signal;
    allow_tracer(j.shared->alive); // as in record_once()
    run_begins(j.hold);
    run_once(j, self, p);
    wait_for_end_of(j.shared->order);
    delivery::over();
    judge_call(j, *self, c, fate_of(j, *self));
    fault_watch::disarm();
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
}

// The mechanism in this process, around what `setup` has made.
void begin_child(job& j)
{
    // inherited closed, no NMI would ever arrive; setup may close it on purpose
    change_mask(SIG_UNBLOCK, j.signal());
    if (j.what.second.signal != 0)
        change_mask(SIG_UNBLOCK, j.what.second.signal);
    call(j.what.setup);
    take_signals(j.signal(), j.what.nmi, &j.shared->nmi, j.what.second.signal);
    begin_second_signal(j);
    if (j.shared->notes_faults)
        fault_watch::begin(j.signal(), &j.shared->fault);
}

// Behind a first run, which may have loaded something. `recorded`: by a process that is gone, with maps of its own.
void begin_stepping(job& j, bool recorded)
{
    if (!recorded)
        j.shared->maps.take();
    prepare_breakpoints(recorded ? std::string_view{} : j.shared->maps.view());
    arch::step_by_breakpoints(j.within.how == method::automatic && can_check_decoding());
}

bool can_be_swept(const job& j) noexcept
{
    return j.sweep && j.shared->steps.ended && j.shared->steps.handler;
}

itinerary ways_to_boundaries(const job& j)
{
    const recording& t = j.shared->steps;
    // A process that is made would have the breakpoints of its parent.
    const bool breakpoints =
        j.within.how == method::automatic && !j.what.forked_child && plant_gates({&t}, gates::of_signals);
    return {t, breakpoints ? method::automatic : method::single_step, gates::of_signals};
}

void sweep_window(job& j, std::optional<stepped_thread>& self)
{
    const itinerary way = ways_to_boundaries(j);
    path_tries tries;
    j.shared->alive.stage.store(child_stage::at_work, std::memory_order_relaxed); // read after its end
    const auto run = [&](const auto& explore, const bool& done) {
        in_its_process(j.each_in_a_fork, self, explore, [&done] { return done; });
    };
    for (std::uint32_t k = j.shared->current.load(std::memory_order_relaxed); k < j.runs(); ++k) {
        j.shared->current.store(k, std::memory_order_relaxed);
        if (k < j.shared->steps.count) {
            shared_cell& c = j.cells[k];
            for (unsigned failed = 0; (failed == 0 || c.strayed) && tries.another(failed); ++failed) {
                c.done = false;
                run([&] { explore_boundary(j, self, way, k); }, c.done);
            }
        } else if (k < j.first_with_second()) {
            const std::uint32_t n = k - j.shared->steps.count;
            run([&] { explore_call(j, self, way, n); }, j.shared->calls[n].done);
        } else {
            const std::uint32_t at = k - j.first_with_second();
            while (has_another_pair(j, at))
                run([&] { explore_pair_of_signals(j, self, way, at); }, j.shared->second.ended);
        }
    }
    j.shared->current.store(j.runs(), std::memory_order_relaxed);
}

// limits::fresh: one run in each process, nothing but `setup` before it. What is to be done is in shared memory.
void record_freshly(job& j, std::optional<stepped_thread>& self)
{
    recording& t = j.shared->steps;
    fresh_progress& so_far = j.shared->fresh;
    const std::uint64_t start = now_ns();
    plan p;
    if (so_far.to_follow)
        p.follow = &t;
    else {
        clear(t);
        ++so_far.recordings;
        p.record = &t;
    }
    record_once(j, self, p);
    so_far.to_follow = !so_far.to_follow && t.ended;
    j.shared->maps.take();
    j.shared->record_ns += now_ns() - start;
    if (!t.ended || t.followed || (so_far.recordings == most_recordings && !so_far.to_follow))
        j.shared->recorded_now();
}

void run_freshly(job& j, std::optional<stepped_thread>& self)
{
    fresh_progress& so_far = j.shared->fresh;
    const std::uint32_t k =
        j.shared->current.load(std::memory_order_relaxed); // written before this process began
    const itinerary way = ways_to_boundaries(j);
    j.shared->alive.stage.store(child_stage::at_work, std::memory_order_relaxed); // read after its end
    if (k < j.shared->steps.count) {
        j.cells[k].done = false;
        explore_boundary(j, self, way, k);
        if (j.cells[k].strayed && so_far.failed_here++ < 20 && so_far.failed++ < 200)
            return; // the next process tries again
        so_far.failed_here = 0;
    } else if (k < j.first_with_second()) {
        explore_call(j, self, way, k - j.shared->steps.count);
    } else if (const std::uint32_t at = k - j.first_with_second(); has_another_pair(j, at)) {
        return explore_pair_of_signals(j, self, way, at);
    }
    j.shared->current.store(k + 1, std::memory_order_relaxed); // read by the next process
}

} // namespace

int explore_window_runs(void* argument)
{
    job& j = *static_cast<job*>(argument);
    begin_child(j);
    std::optional<stepped_thread> self;
    if (!j.what.thread_end)
        self.emplace();
    const bool recorded = j.shared->is_recorded(); // by a process that is gone
    if (!j.within.fresh && !j.within.system_calls) // the window may wait for its signal
        run_once(j, self, plan{});                 // first touches and lazy work are not part of it
    begin_stepping(j, recorded);
    if (j.within.fresh) {
        recorded ? run_freshly(j, self) : record_freshly(j, self);
        return 0;
    }
    change_mask(
        SIG_UNBLOCK,
        SIGTRAP); // that run was not stepped: signals that it blocked are blocked, and `prepare` may meet a gate
    j.shared->alive.runs.fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
    j.shared->has_threads = !is_alone();
    if (!recorded)
        record_window(j, self);
    if (can_be_swept(j))
        sweep_window(j, self);
    return 0;
}

bool has_fresh_runs_left(const job& j) noexcept
{
    if (!j.within.fresh)
        return false;
    if (!j.shared->is_recorded())
        return true;
    return can_be_swept(j) && j.shared->current.load(std::memory_order_relaxed) < j.runs();
}

void note_fault_of(job& j, std::uint32_t k)
{
    j.shared->notes_faults = true;
    const std::uint32_t only = std::exchange(j.only, k);
    hold_order* const hold = std::exchange(j.hold, nullptr);
    static_cast<void>(watch_child(start_child(explore_window_runs, &j, &j.shared->alive), j.shared->alive,
                                  j.within.watchdog_ns));
    j.only = only;
    j.hold = hold;
    const std::uint32_t count = j.shared->steps.count;
    (k < count ? j.cells[k].done : j.shared->calls[k - count].done) = false; // what was seen first counts
}

} // namespace nmisim::explore
