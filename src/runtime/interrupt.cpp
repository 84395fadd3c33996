// SPDX-License-Identifier: MIT
//
// The C++ face, nmisim/interrupt.hpp and nmisim/slot.hpp, on what the other files do.
#include "nmisim/interrupt.hpp"

#include "nmisim/slot.hpp"
#include "runtime/control.hpp"
#include "runtime/entry/raise.hpp"
#include "runtime/slots.hpp"
#include "runtime/threads/attach.hpp"
#include "runtime/threads/process.hpp"

#include <cerrno>
#include <system_error>

namespace nmisim {
namespace {

[[noreturn]] void fail(int error, const char* what)
{
    throw std::system_error(error, std::generic_category(), what);
}

} // namespace

interrupt::interrupt(const interrupt_options& options, int& error) noexcept
{
    state_ = runtime::open_interrupt(options.signal, opening_, error);
}

interrupt::interrupt(const interrupt_options& options)
{
    int error = 0;
    state_ = runtime::open_interrupt(options.signal, opening_, error);
    if (state_ == nullptr)
        fail(error, "nmisim::interrupt: the signal cannot be taken");
}

interrupt::~interrupt()
{
    close(deadline(0));
}

attachment interrupt::attach_this_thread(const attach_options& options) noexcept
{
    int error = ECANCELED;
    if (state_ == nullptr)
        return {nullptr, 0, error};
    runtime::thread_block* const block = runtime::attach(*state_, opening_, options, error);
    if (block == nullptr)
        return {nullptr, 0, error};
    return {block, block->incarnation.load(std::memory_order_relaxed), 0}; // own thread's
}

process_threads interrupt::attach_process(const attach_options& options) noexcept
{
    if (state_ != nullptr)
        return runtime::attach_process(*state_, opening_, options);
    process_threads none;
    none.error = ECANCELED;
    return none;
}

raise_result interrupt::raise(pid_t tid) noexcept
{
    if (state_ == nullptr || !runtime::is_open(*state_, opening_))
        return raise_result::closed;
    return runtime::raise(*state_, tid);
}

std::uint64_t interrupt::raise_all() noexcept
{
    return state_ != nullptr && runtime::is_open(*state_, opening_) ? runtime::raise_all(*state_) : 0;
}

outcome interrupt::drain(deadline limit) noexcept
{
    return state_ != nullptr ? runtime::drain(*state_, limit) : outcome::closed;
}

interrupt_books interrupt::books() const noexcept
{
    return state_ != nullptr ? runtime::read_books(*state_) : interrupt_books{};
}

outcome interrupt::close(deadline limit) noexcept
{
    return state_ != nullptr ? runtime::close_interrupt(*state_, opening_, limit) : outcome::closed;
}

attachment::attachment(attachment&& other) noexcept
    : block_(other.block_), incarnation_(other.incarnation_), error_(other.error_)
{
    other.block_ = nullptr;
}

attachment::~attachment()
{
    if (block_ != nullptr)
        runtime::detach(*block_, incarnation_);
}

slot_base::slot_base(interrupt& owner, slot_order where, int& error) noexcept
{
    error = ECANCELED;
    if (owner.state_ != nullptr)
        state_ = runtime::add_slot(*owner.state_, owner.opening_, error, where);
}

slot_base::slot_base(interrupt& owner, slot_order where)
{
    int error = ECANCELED;
    if (owner.state_ != nullptr)
        state_ = runtime::add_slot(*owner.state_, owner.opening_, error, where);
    if (state_ == nullptr)
        fail(error, "nmisim::slot: the interrupt takes no more slots");
}

slot_base::~slot_base()
{
    if (state_ != nullptr)
        runtime::remove_slot(*state_);
}

runtime::exchange_result slot_base::exchange(runtime::published* fresh, deadline limit) noexcept
{
    if (state_ == nullptr)
        return {outcome::closed, fresh};
    return runtime::exchange(*state_, fresh, limit);
}

const char* to_string(outcome value) noexcept
{
    switch (value) {
    case outcome::drained: return "drained";
    case outcome::timed_out: return "timed out";
    case outcome::refused_in_interrupt: return "refused: in an interrupt handler";
    case outcome::refused_in_child: return "refused: in a child process without fork()'s handlers";
    case outcome::refused_without_deadline:
        return "refused: this thread never attached, so it needs a deadline";
    case outcome::closed: return "closed";
    }
    return "unknown";
}

} // namespace nmisim
