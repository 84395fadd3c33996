// SPDX-License-Identifier: MIT
#include "runtime/slots.hpp"

#include "base/own/own_pid.hpp"
#include "runtime/threads/attach.hpp"
#include "runtime/wait.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

namespace nmisim::runtime {
namespace {

template <class T>
void destroy(published* self) noexcept
{
    delete static_cast<T*>(self);
}

void do_nothing(published&, const event&) noexcept {}

/// Stands in a slot that was closed. An event that has loaded the table before still comes here.
published closed_slot{do_nothing, nullptr};

/// Its grace period begins now. Context: after it was unpublished.
void retire(interrupt_state& state, published* object) noexcept
{
    if (object == nullptr || object == &closed_slot)
        return;
    object->cookie = state.readers.start_poll();
    state.retired.push(*object);
}

/// Under the control lock.
void publish(interrupt_state& state, slot_table* fresh) noexcept
{
    // (1) seq_cst: the table is whole; unpublished before the grace period begins; pairs with entry/arrival.cpp(1)
    retire(state, state.table.exchange(fresh, std::memory_order_seq_cst));
}

slot_table* copy_without(const slot_table* from, const slot_state* left_out) noexcept
{
    auto* const copy = new (std::nothrow) slot_table{{nullptr, destroy<slot_table>}};
    for (unsigned i = 0; copy != nullptr && from != nullptr && i < from->count; ++i)
        if (from->slots[i] != left_out)
            copy->slots[copy->count++] = from->slots[i];
    return copy;
}

} // namespace

slot_state* add_slot(interrupt_state& state, std::uint64_t opening, int& error, slot_order where,
                     slot_state* again) noexcept
{
    const control_section section;
    const slot_table* const now = state.table.load(std::memory_order_relaxed); // written under the lock
    error = !is_open(state, opening)                           ? ECANCELED
            : now != nullptr && now->count == slot_table::most ? ENOSPC
                                                               : 0;
    if (error != 0)
        return nullptr;
    slot_state* const slot =
        again != nullptr ? again : new (std::nothrow) slot_state{{nullptr, destroy<slot_state>}};
    slot_table* const table = slot != nullptr ? copy_without(now, nullptr) : nullptr;
    if (table == nullptr) {
        if (again == nullptr)
            delete slot;
        error = ENOMEM;
        return nullptr;
    }
    slot->owner = &state;
    slot->object.store(nullptr, std::memory_order_relaxed); // published with the table
    table->slots[table->count++] = slot;
    if (where == slot_order::first)
        std::rotate(table->slots.begin(), table->slots.begin() + table->count - 1,
                    table->slots.begin() + table->count);
    publish(state, table);
    return slot;
}

void remove_slot(slot_state& slot) noexcept
{
    interrupt_state& state = *slot.owner;
    const bool in_interrupt = standing().in_interrupt;
    {
        const control_section section;
        // (3) acq_rel: the object is whole for whoever destroys it; pairs with (2)
        published* const object = slot.object.exchange(&closed_slot, std::memory_order_acq_rel);
        retire(state, object);
        if (object != &closed_slot) {
            // exit() in a handler comes here too, and may have interrupted the allocator: an empty slot harms nobody.
            slot_table* const table = in_interrupt ? nullptr
                                                   : copy_without(state.table.load(std::memory_order_relaxed),
                                                                  &slot); // under the lock
            if (table == nullptr)
                return;
            publish(state, table);
        }
        retire(state, &slot);
    }
    if (!in_interrupt)
        state.retired.reclaim(state.readers);
}

void take_all_out(interrupt_state& state) noexcept
{
    const slot_table* const table = state.table.load(std::memory_order_relaxed); // written under the lock
    if (table == nullptr)
        return;
    for (unsigned i = 0; i < table->count; ++i)
        // (4) acq_rel: as (3); pairs with (2)
        retire(state, table->slots[i]->object.exchange(&closed_slot, std::memory_order_acq_rel));
    publish(state, nullptr);
}

outcome may_wait(const interrupt_state& state, deadline limit) noexcept
{
    if (own_pid() != state.pid.load(std::memory_order_relaxed)) // constant in a process
        return outcome::refused_in_child;
    const thread_standing here = standing();
    if (here.in_interrupt)
        return outcome::refused_in_interrupt;
    if (limit.is_none() && !here.attached)
        return outcome::refused_without_deadline;
    return outcome::drained;
}

outcome wait_for_handlers(interrupt_state& state, deadline limit) noexcept
{
    if (state.readers.nobody_is_inside())
        return outcome::drained;
    const domain::cookie cookie = state.readers.start_poll();
    return wait_until(limit, [&] { return state.readers.ended(cookie); }) ? outcome::drained
                                                                          : outcome::timed_out;
}

exchange_result exchange(slot_state& slot, published* fresh, deadline limit) noexcept
{
    interrupt_state& state = *slot.owner;
    if (const outcome answer = may_wait(state, limit); answer != outcome::drained)
        return {answer, fresh};
    published* old = slot.object.load(std::memory_order_relaxed); // compared below
    do
        if (old == &closed_slot)
            return {outcome::closed, fresh};
    // (2) seq_cst: the object is whole; unpublished before the grace period begins; pairs with entry/arrival.cpp(2), (3), (4)
    while (!slot.object.compare_exchange_weak(old, fresh, std::memory_order_seq_cst));
    if (old == nullptr || wait_for_handlers(state, limit) == outcome::drained) {
        state.retired.reclaim(state.readers);
        return {outcome::drained, old};
    }
    state.timed_out.fetch_add(1, std::memory_order_relaxed); // for the books
    retire(state, old);
    return {outcome::timed_out, nullptr};
}

} // namespace nmisim::runtime
