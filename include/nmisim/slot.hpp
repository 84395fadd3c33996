// SPDX-License-Identifier: MIT
//
// A place at an interrupt for one object of type T, whose call operator is the handler. The object is published by RCU:
// exchange() puts another one in its place while the interrupt goes on, and hands the old one back when no handler can
// see it. An interrupt has up to 32 slots; an event runs all of them, in the order of their making, but for those that asked to be first.
#pragma once

#include "nmisim/interrupt.hpp"

namespace nmisim {

namespace runtime {

struct slot_state;

/// What is published and retired. The list fields are the library's while the object is retired.
struct published {
    void (*run)(published&, const event&) noexcept;
    void (*destroy)(published*) noexcept;
    published* next = nullptr;
    std::uint64_t cookie = 0;
};

template <class T>
struct box : published {
    template <class... Arguments>
    explicit box(Arguments&&... arguments)
        : published{call, remove}, value(static_cast<Arguments&&>(arguments)...)
    {}
    static void call(published& self, const event& e) noexcept
    {
        static_assert(noexcept(static_cast<box&>(self).value(e)), "a handler must be noexcept");
        static_cast<box&>(self).value(e);
    }
    static void remove(published* self) noexcept { delete static_cast<box*>(self); }
    T value;
};

struct exchange_result {
    outcome result;
    published* old;
};

} // namespace runtime

template <class T>
class slot;

/// The only owner of a T that make() made.
template <class T>
class owned {
public:
    owned() noexcept = default;
    owned(owned&& other) noexcept : box_(other.release()) {}
    owned& operator=(owned&& other) noexcept
    {
        runtime::box<T>* const fresh = other.release();
        delete box_;
        box_ = fresh;
        return *this;
    }
    ~owned() { delete box_; }

    T* get() const noexcept { return box_ == nullptr ? nullptr : &box_->value; }
    T& operator*() const noexcept { return box_->value; }
    T* operator->() const noexcept { return &box_->value; }
    explicit operator bool() const noexcept { return box_ != nullptr; }

private:
    template <class U, class... Arguments>
    friend owned<U> make(Arguments&&... arguments);
    friend class slot<T>;
    explicit owned(runtime::box<T>* box) noexcept : box_(box) {}
    runtime::box<T>* release() noexcept
    {
        runtime::box<T>* const box = box_;
        box_ = nullptr;
        return box;
    }
    runtime::box<T>* box_ = nullptr;
};

template <class T, class... Arguments>
[[nodiscard]] owned<T> make(Arguments&&... arguments)
{
    return owned<T>(new runtime::box<T>(static_cast<Arguments&&>(arguments)...));
}

/// Where a new slot goes among those that are there. Kernel: NMI_FLAG_FIRST.
enum class slot_order { last, first };

class NMISIM_API slot_base {
public:
    slot_base(const slot_base&) = delete;
    slot_base& operator=(const slot_base&) = delete;

protected:
    slot_base(interrupt& owner, slot_order where);
    slot_base(interrupt& owner, slot_order where, int& error) noexcept;
    ~slot_base();
    runtime::exchange_result exchange(runtime::published* fresh, deadline limit) noexcept;

private:
    runtime::slot_state* state_ = nullptr;
};

template <class T>
class [[nodiscard]] exchanged {
public:
    outcome result;
    owned<T> old; ///< drained: what was there; refused or closed: what was given; timed_out: nothing
};

template <class T>
class slot : slot_base {
public:
    /// Context: control. Errors: std::system_error; ECANCELED on a closed interrupt, ENOMEM.
    explicit slot(interrupt& owner, slot_order where = slot_order::last) : slot_base(owner, where) {}
    slot(interrupt& owner, int& error, slot_order where = slot_order::last) noexcept
        : slot_base(owner, where, error)
    {}
    /// The slot is taken off the interrupt and its object retired; it does not wait.
    ~slot() = default;

    /// Publishes `fresh`, which may be nothing, and waits for at most `limit` until no handler uses the old object.
    ///
    /// Context: control; in a handler it is refused. Progress: publishing is lock-free, waiting polls.
    /// Ordering: a handler that sees `fresh` sees all that was stored before; what handlers stored in the old object is
    /// seen after `drained`. Kernel: rcu_replace_pointer() and synchronize_srcu().
    exchanged<T> exchange(owned<T> fresh, deadline limit) noexcept
    {
        const runtime::exchange_result done = slot_base::exchange(fresh.release(), limit);
        return {done.result, owned<T>(static_cast<runtime::box<T>*>(done.old))};
    }
};

} // namespace nmisim
