// SPDX-License-Identifier: MIT
#include "explore/step/stepper.hpp"

#include "base/invariant.hpp"
#include "explore/memory/instruction_watch.hpp"
#include "explore/replay/hold.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/step/delivery.hpp"
#include "explore/step/fault_note.hpp"
#include "explore/step/own_thread.hpp"
#include "explore/step/system_call.hpp"

#include <utility>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace nmisim::explore {

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t while_it_is,
                const timespec* at_most) noexcept
{
    arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT_PRIVATE,
                          static_cast<long>(while_it_is), reinterpret_cast<long>(at_most));
}

void futex_wake(const std::atomic<std::uint32_t>& word) noexcept
{
    arch::raw_system_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAKE_PRIVATE, 1);
}

namespace {

void no_step_from_here() noexcept {}

bool must_step(const plan& p) noexcept
{
    return p.record != nullptr || p.follow != nullptr || p.target != no_boundary || p.step_all;
}

} // namespace

stepped_thread::stepped_thread() noexcept
    : own_pid_(static_cast<int>(arch::raw_system_call(SYS_getpid))),
      own_tid_(static_cast<int>(arch::raw_system_call(SYS_gettid))), pid_(own_pid_), tid_(own_tid_)
{
    BUG_ON(own_thread.stepped != nullptr);
    own_thread.stepped = this;
}

stepped_thread::~stepped_thread()
{
    remove_one_shots(this);
    if (own_thread.stepped == this)
        own_thread.stepped = nullptr;
}

void stepped_thread::start(const plan& p) noexcept
{
    arch::forget_step();
    plan_ = p;
    pid_ = own_pid_;
    tid_ = own_tid_;
    has_forked_ = false;
    in_forked_ = false;
    follows_ = true;
    index_ = 0;
    reached_ = false;
    raise_error_ = 0;
    raised_while_blocked_ = false;
    in_handler_ = false;
    behind_call_ = false;
    second_reached_ = false;
    delivered_at_.store(0, std::memory_order_relaxed); // own thread and its handlers only
    // the explorer set it too
    phase_.store(static_cast<std::uint32_t>(phase::running), std::memory_order_relaxed);
    if (p.anchor != 0 && !plant(p.anchor, breakpoint_kind::one_shot, this))
        plan_.anchor = 0;
}

void stepped_thread::run(function window, const plan& p) noexcept
{
    start(p);
    const bool step_from_start = plan_.anchor == 0 && must_step(p);
    if (step_from_start) {
        stepping_ = true;
        arch::call_stepped(window);
        stepping_ = false; // a window that restores older flags has ended the stepping silently
        arch::forget_step();
    } else {
        window();
    }
    if (plan_.nmi != nullptr && plan_.watch != nullptr && plan_.watch->nmi_at_end())
        run_nmi(step_from_start);
    remove_one_shots(this);
    plan_.watch = nullptr;
    if (breakpoint* gate = find_breakpoint(without_gate_); without_gate_ != 0 && gate != nullptr)
        put_in(*gate);
    without_gate_ = 0;
    publish(phase::ended);
}

void stepped_thread::run_thread_end(const plan& p) noexcept
{
    start(p);
    thread_ends_ = true;
    stepping_ = plan_.anchor == 0 && must_step(p);
    // One call for both: what follows it is the first boundary, also of a run that only meets a breakpoint there.
    void (*const volatile begin)() noexcept = stepping_ ? nmisim_step_from_here : no_step_from_here;
    begin();
}

phase stepped_thread::phase() const noexcept
{
    // (1) acquire: what the thread wrote before it stopped may be read; pairs with (2)
    return static_cast<explore::phase>(phase_.load(std::memory_order_acquire));
}

void stepped_thread::publish(explore::phase p) noexcept
{
    // (2) release: everything that the window did so far is visible to the explorer; pairs with (1)
    phase_.store(static_cast<std::uint32_t>(p), std::memory_order_release);
    if (!plan_.alone)
        futex_wake(phase_);
}

phase stepped_thread::wait_while_running(std::uint64_t ns) const noexcept
{
    const timespec at_most{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    if (phase() == phase::running)
        futex_wait(phase_, static_cast<std::uint32_t>(phase::running), ns != 0 ? &at_most : nullptr);
    return phase();
}

void stepped_thread::about_to_run() noexcept
{
    phase_.store(static_cast<std::uint32_t>(phase::running), std::memory_order_relaxed); // lockstep orders it
}

void stepped_thread::resume() noexcept
{
    phase_.store(static_cast<std::uint32_t>(phase::running), std::memory_order_relaxed); // ordered by (3)
    // (3) release: what others did meanwhile; pairs with (4)
    resumed_.fetch_add(1, std::memory_order_release);
    futex_wake(resumed_);
}

// Blocks in the trap handler until resume(): the thread is exactly at the interrupted instruction.
void stepped_thread::hold(explore::phase p) noexcept
{
    const std::uint32_t before = resumed_.load(std::memory_order_relaxed); // only changes after publish()
    publish(p);
    while (resumed_.load(std::memory_order_acquire) == before) // (4) acquire: others' work; pairs with (3)
        futex_wait(resumed_, before);
}

void stepped_thread::nmi_delivered(std::uintptr_t at) noexcept
{
    delivered_at_.store(at, std::memory_order_relaxed); // read by the same thread, or after phase `ended`
}

void stepped_thread::stop_stepping(ucontext_t& at) noexcept
{
    stepping_ = false;
    arch::set_single_step(at, false);
}

// Raised while this handler blocks it, so its sigreturn delivers it, or later if the window has it blocked. Without
// gates the steps continue until then: the unblocking call must be seen.
stepped_thread::next stepped_thread::raise_nmi(const ucontext_t& at) noexcept
{
    raise_error_ = delivery::raise_in(pid_, tid_, delivery::signal());
    raised_while_blocked_ = !delivery::is_open(at);
    fault_watch::arm();
    if (raise_error_ == 0)
        delivery::pending(at, tid_);
    if (plan_.second.together)
        raise_second(at);
    if (plan_.forked != nullptr)
        *plan_.forked = {true, raise_error_, raised_while_blocked_};
    return plan_.gated || !raised_while_blocked_ || raise_error_ != 0 ? next::run_free : next::step;
}

// The call is made where it stands, by the program: a tracer raises the NMI in it.
void stepped_thread::enter_call(const ucontext_t& at, arrival when) noexcept
{
    const std::uintptr_t ip = arch::ip(at);
    if (breakpoint* gate = find_breakpoint(ip); gate != nullptr && gate->planted) {
        take_out(*gate);
        without_gate_ = ip;
    }
    const arch::system_call call = arch::system_call_of(at);
    fault_watch::arm();
    delivery::pending(at, tid_);
    delivery::before_call(call);
    raised_while_blocked_ = !delivery::is_open(at);
    ask_for_nmi_in_call(*plan_.order, tid_, delivery::signal(), call.nr, ip, when);
}

stepped_thread::next stepped_thread::boundary(const ucontext_t& at) noexcept
{
    if (in_handler_)
        return handler_boundary(at);
    if (is_before_fork())
        return has_forked_ ? next::run_free : next::step;
    const std::uintptr_t ip = arch::ip(at);
    const std::uint32_t here = index_++;
    if (plan_.record != nullptr) {
        recording& t = *plan_.record;
        if (!note_boundary(t, ip))
            return next::run_free;
        t.handler = t.handler || (delivery::signal() != 0 && delivery::has_handler());
    }
    if (plan_.follow != nullptr) {
        follows_ = here < plan_.follow->count && plan_.follow->ip[here] == ip;
        return follows_ ? next::step : next::run_free;
    }
    if (reached_ && plan_.action == at_target::raise_nmi) { // blocked since then
        delivery::look(at);
        return delivery::one_waits(at) ? next::step : next::run_free;
    }
    if (here != plan_.target)
        return next::step;
    if (plan_.target_ip != 0 && ip != plan_.target_ip)
        return next::run_free;
    reached_ = true;
    if (plan_.action != at_target::pause)
        context_begins();
    if (plan_.action == at_target::raise_nmi)
        return raise_nmi(at);
    if (plan_.action == at_target::enter_call) {
        enter_call(at, plan_.when);
        return next::run_free;
    }
    hold(phase::paused);
    return next::run_free;
}

void stepped_thread::note_stack(const ucontext_t& at) noexcept
{
    if (plan_.record == nullptr || plan_.record->sp == nullptr ||
        plan_.record->count == plan_.record->capacity)
        return;
    const recording& t = *plan_.record;
    t.sp[t.count] = arch::stack_pointer(at);
    if (t.alive != nullptr && t.count % 1024 == 0)
        t.alive->fetch_add(1, std::memory_order_relaxed); // a sign of life, orders nothing
}

void stepped_thread::at_the_end() noexcept
{
    if (is_before_fork())
        return;
    if (in_handler_) {
        if (plan_.second.record != nullptr)
            plan_.second.record->ended = true;
        return;
    }
    if (plan_.record != nullptr)
        plan_.record->ended = true;
    if (plan_.follow != nullptr)
        plan_.follow->followed = follows_ && index_ == plan_.follow->count;
}

void stepped_thread::note_call(const arch::system_call& call) noexcept
{
    if (plan_.record == nullptr)
        return;
    recording& t = *plan_.record;
    t.last = {call.nr, call.arg, t.count};
    const bool is_one_that_returns = can_be_made_elsewhere(call.nr) || call.nr == SYS_rt_sigsuspend;
    if (is_one_that_returns && t.calls < recording::max_calls)
        t.call[t.calls++] = {t.count - 1, call.nr};
}

void stepped_thread::trapped(ucontext_t& at) noexcept
{
    // Signals wait for as long as steps are made here. The code may wait for one, and what a system call raises comes at its end.
    constexpr unsigned most_made = 256;
    const arch::interrupted by{tid_, arch::stack_pointer(at)};
    for (unsigned made = 0;; ++made) {
        const std::uintptr_t ip = arch::ip(at);
        if (ip == arch::stepped_return()) {
            at_the_end();
            return stop_stepping(at);
        }
        if (arch::of_the_mechanism(ip))
            return;
        at_watch(at);
        note_stack(at);
        if (boundary(at) == next::run_free)
            return stop_stepping(at);
        if (const code_bytes code = original_instruction_at(ip); !is_system_call(ip, code)) {
            if (const recording* t = plan_.follow; t != nullptr)
                index_ += arch::leap_instead(t->ip, t->code, t->count, index_ - 1) - 1;
            else if (!std::exchange(behind_call_, false) && made < most_made && arch::make_step(at, code, by))
                continue;
            return;
        }
        const long nr = arch::system_call_of(at).nr;
        note_call(arch::system_call_of(at));
        if (plan_.order != nullptr && only_a_signal_ends(arch::system_call_of(at))) {
            at_the_end(); // of what can be explored with one NMI
            if (plan_.record != nullptr) {
                note_gate(*plan_.record, ip, nr);
                plan_.record->waits_for_signal = true;
            }
            enter_call(at, arrival::asleep);
            return stop_stepping(at);
        }
        if (!can_be_made_elsewhere(nr)) {
            delivery::before_call(arch::system_call_of(at));
            if (makes_thread_or_process(nr)) {
                static_cast<void>(arch::step_by_flag(true)); // the new thread blocks signals where it begins
                has_forked_ = has_forked_ || makes_process(arch::system_call_of(at));
            }
            if (in_forked_ && ends_image(nr))
                at_the_end();
            if (nr == SYS_exit && thread_ends_) { // nothing of this thread follows
                at_the_end();
                stop_stepping(at);
            }
            return;
        }
        if (plan_.record != nullptr)
            note_gate(*plan_.record, ip, nr);
        make_call(at);
    }
}

bool stepped_thread::passes_anchor() noexcept
{
    return plan_.anchor_passes != 0 && plan_.anchor_passes-- != 0;
}

void stepped_thread::at_anchor(ucontext_t& at) noexcept
{
    index_ = plan_.anchor_index;
    stepping_ = true;
    arch::set_single_step(at, true);
    trapped(at);
}

void stepped_thread::at_gate(ucontext_t& at) noexcept
{
    make_call(at);
    delivery::look(at);
    if (stepping_)
        trapped(at); // the boundary right after the call
}

void stepped_thread::make_call(ucontext_t& at) noexcept
{
    const arch::system_call call = arch::system_call_of(at);
    behind_call_ = stepping_;
    if (plan_.watch != nullptr)
        at_watched_call(at, call);
    if (plan_.stop_before_waiting && may_wait(call) != nullptr) {
        waiting_in_ = call.nr;
        waiting_at_ = arch::ip(at);
        hold(phase::waiting);
        if (waits_for_time(call.nr)) // time has passed while it was held
            return arch::finish_system_call(at, 0);
    }
    delivery::before_call(call);
    if (!in_forked_ || !keeps_traps(at, call))
        make_system_call(at);
}

} // namespace nmisim::explore
