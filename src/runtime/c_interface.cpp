// SPDX-License-Identifier: MIT
//
// nmisim/nmisim.h: the same as nmisim/interrupt.hpp with one slot, for C. A handle lies in a fixed place per signal, so that
// one that was closed may still be asked.
#include "nmisim/nmisim.h"

#include "runtime/control.hpp"
#include "runtime/entry/raise.hpp"
#include "runtime/slots.hpp"
#include "runtime/threads/attach.hpp"
#include "runtime/threads/process.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>

using namespace nmisim;

struct nmisim_interrupt {
    runtime::interrupt_state* state = nullptr;
    std::atomic<std::uint64_t> opening{0};
    std::atomic<runtime::slot_state*> slot{nullptr};
};

namespace {

constinit std::array<nmisim_interrupt, runtime::signals> handles{};

/// What is published for C.
struct function_object : runtime::published {
    nmisim_function* function = nullptr;
    void* data = nullptr;
    nmisim_release* release = nullptr;
};

void call(runtime::published& self, const event& e) noexcept
{
    const auto& object = static_cast<const function_object&>(self);
    const nmisim_event for_c{e.info, const_cast<ucontext_t*>(e.regs.uc), static_cast<unsigned long>(e.weight),
                             e.user, e.known_tid};
    object.function(object.data, &for_c);
}

void release_and_delete(runtime::published* self) noexcept
{
    auto* const object = static_cast<function_object*>(self);
    if (object->release != nullptr)
        object->release(object->data);
    delete object;
}

deadline limit_of(long timeout_us) noexcept
{
    return timeout_us < 0 || timeout_us > INT64_MAX / 1000 ? deadline::none() : deadline(timeout_us * 1000);
}

int code_of(outcome value) noexcept
{
    switch (value) {
    case outcome::drained: return 0;
    case outcome::timed_out: return NMISIM_TIMED_OUT;
    case outcome::refused_in_interrupt: return NMISIM_REFUSED_IN_INTERRUPT;
    case outcome::refused_in_child: return NMISIM_REFUSED_IN_CHILD;
    case outcome::refused_without_deadline: return NMISIM_REFUSED_WITHOUT_DEADLINE;
    case outcome::closed: return NMISIM_CLOSED;
    }
    return EINVAL;
}

int code_of(raise_result value) noexcept
{
    switch (value) {
    case raise_result::raised: return 0;
    case raise_result::coalesced: return NMISIM_COALESCED;
    case raise_result::no_thread: return NMISIM_NO_THREAD;
    case raise_result::rejected: return NMISIM_REJECTED;
    case raise_result::closed: return NMISIM_CLOSED;
    case raise_result::refused_in_child: return NMISIM_REFUSED_IN_CHILD;
    case raise_result::offline: // a machine's, these
    case raise_result::full:
    case raise_result::no_such_cpu: break;
    }
    return EINVAL;
}

bool is_open(const nmisim_interrupt* interrupt) noexcept
{
    // relaxed: changed by open and close alone, which the caller orders
    return interrupt != nullptr && interrupt->state != nullptr &&
           runtime::is_open(*interrupt->state, interrupt->opening.load(std::memory_order_relaxed));
}

} // namespace

extern "C" {

int nmisim_open(nmisim_interrupt** interrupt, int signo)
{
    if (interrupt == nullptr)
        return EINVAL;
    int error = 0;
    std::uint64_t opening = 0;
    runtime::interrupt_state* const state = runtime::open_interrupt(signo, opening, error);
    if (state == nullptr)
        return error;
    nmisim_interrupt& handle = handles[static_cast<std::size_t>(signo)];
    // A swap that comes too late may still look at the slot of an earlier life: it is used again, never freed.
    runtime::slot_state* const slot =
        runtime::add_slot(*state, opening, error, slot_order::last,
                          handle.slot.load(std::memory_order_relaxed)); // the lock orders it
    if (slot == nullptr) {
        runtime::close_interrupt(*state, opening, deadline(0));
        return error;
    }
    handle.state = state;
    handle.slot.store(slot, std::memory_order_relaxed);       // the caller hands the handle on
    handle.opening.store(opening, std::memory_order_relaxed); // as above
    *interrupt = &handle;
    return 0;
}

int nmisim_attach(nmisim_interrupt* interrupt, unsigned cpu_hz, unsigned wall_hz, void* user)
{
    if (!is_open(interrupt))
        return NMISIM_CLOSED;
    int error = 0;
    runtime::attach(*interrupt->state, interrupt->opening.load(std::memory_order_relaxed), // as in is_open()
                    {cpu_hz, wall_hz, user}, error);
    return error == ECANCELED ? static_cast<int>(NMISIM_CLOSED) : error;
}

int nmisim_attach_process(nmisim_interrupt* interrupt, unsigned cpu_hz, unsigned wall_hz, void* user,
                          struct nmisim_threads* threads)
{
    if (!is_open(interrupt))
        return NMISIM_CLOSED;
    const process_threads found =
        runtime::attach_process(*interrupt->state, interrupt->opening.load(std::memory_order_relaxed),
                                {cpu_hz, wall_hz, user}); // as in is_open()
    if (threads != nullptr)
        *threads = {found.attached, found.already, found.ended, found.failed, found.later_ones ? 1 : 0};
    return found.error == ECANCELED ? static_cast<int>(NMISIM_CLOSED) : found.error;
}

void nmisim_thread_begins(void)
{
    runtime::thread_begins();
}

int nmisim_detach(nmisim_interrupt* interrupt)
{
    if (interrupt == nullptr || interrupt->state == nullptr)
        return EINVAL;
    runtime::thread_block* const block = runtime::own_block(*interrupt->state);
    if (block == nullptr)
        return EINVAL;
    runtime::detach(*block, block->incarnation.load(std::memory_order_relaxed)); // own thread's
    return 0;
}

int nmisim_raise(nmisim_interrupt* interrupt, pid_t tid)
{
    return is_open(interrupt) ? code_of(runtime::raise(*interrupt->state, tid)) : NMISIM_CLOSED;
}

unsigned long nmisim_raise_all(nmisim_interrupt* interrupt)
{
    return is_open(interrupt) ? runtime::raise_all(*interrupt->state) : 0;
}

int nmisim_swap(nmisim_interrupt* interrupt, nmisim_function* function, void* data, nmisim_release* release,
                long timeout_us, void** old_data)
{
    if (old_data != nullptr)
        *old_data = nullptr;
    if (!is_open(interrupt))
        return NMISIM_CLOSED;
    function_object* fresh = nullptr;
    if (function != nullptr) {
        fresh = new (std::nothrow) function_object{{call, release_and_delete}, function, data, release};
        if (fresh == nullptr)
            return ENOMEM;
    }
    runtime::slot_state& slot = *interrupt->slot.load(std::memory_order_relaxed); // the caller has the handle
    const runtime::exchange_result done = runtime::exchange(slot, fresh, limit_of(timeout_us));
    auto* const old = static_cast<function_object*>(done.old);
    if (done.result == outcome::drained && old != nullptr && old_data != nullptr)
        *old_data = old->data;
    delete old; // refused: what was just made; its data stays the caller's
    return code_of(done.result);
}

int nmisim_drain(nmisim_interrupt* interrupt, long timeout_us)
{
    return is_open(interrupt) ? code_of(runtime::drain(*interrupt->state, limit_of(timeout_us)))
                              : NMISIM_CLOSED;
}

int nmisim_read_books(nmisim_interrupt* interrupt, struct nmisim_books* books)
{
    if (interrupt == nullptr || interrupt->state == nullptr || books == nullptr)
        return EINVAL;
    const interrupt_books b = runtime::read_books(*interrupt->state);
    *books = {b.raised,
              b.handled,
              b.dropped,
              b.coalesced,
              b.absorbed,
              b.echoes,
              b.rejected,
              b.no_thread,
              b.unattached_raised,
              b.unattached_handled,
              b.timer_events,
              b.expirations,
              b.expirations_dropped,
              b.foreign,
              b.foreign_ignored,
              b.attached,
              b.blocked,
              b.replaced ? 1UL : 0UL,
              b.timed_out,
              b.reclaimed,
              b.begun_unattached};
    return 0;
}

int nmisim_close(nmisim_interrupt* interrupt, long timeout_us)
{
    if (interrupt == nullptr || interrupt->state == nullptr)
        return EINVAL;
    const outcome result =
        runtime::close_interrupt(*interrupt->state, interrupt->opening.load(std::memory_order_relaxed),
                                 limit_of(timeout_us)); // as in is_open()
    return code_of(result);
}

const char* nmisim_strerror(int code)
{
    switch (code) {
    case 0: return "done";
    case NMISIM_TIMED_OUT: return to_string(outcome::timed_out);
    case NMISIM_REFUSED_IN_INTERRUPT: return to_string(outcome::refused_in_interrupt);
    case NMISIM_REFUSED_IN_CHILD: return to_string(outcome::refused_in_child);
    case NMISIM_REFUSED_WITHOUT_DEADLINE: return to_string(outcome::refused_without_deadline);
    case NMISIM_CLOSED: return to_string(outcome::closed);
    case NMISIM_COALESCED: return "coalesced: one is pending on that thread";
    case NMISIM_NO_THREAD: return "this process has no such thread";
    case NMISIM_REJECTED: return "rejected: the kernel's signal queue is full";
    default: return code > 0 ? strerror(code) : "unknown";
    }
}

} // extern "C"
