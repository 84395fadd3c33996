// SPDX-License-Identifier: MIT
#include "verify/parts/element_pool.hpp"

#include "base/clock.hpp"
#include "probes.hpp" // base/probes_*
#include "verify/jobs/handler_job.hpp"

namespace nmisim {
namespace {
constexpr int pipe_length = 10; // RCU_TORTURE_PIPE_LEN
}

element_pool::element_pool(std::size_t size, nmi_function function, handler_job& job, std::uint64_t hold_ns)
    : job_(job), elements_(size)
{
    for (element& e : elements_) {
        e.function = function;
        e.inner = job.function();
        e.hold_ns = hold_ns;
        free_.push_back(&e);
    }
}

void element_pool::initialise(element& e) noexcept
{
    e.data = make_handler_data(e.generation.load(std::memory_order_relaxed)); // not published yet
}

element* element_pool::take(bool complete)
{
    const std::lock_guard guard(lock_);
    if (free_.empty())
        return nullptr;
    element& e = *free_.front();
    free_.pop_front();
    e.state = element_state::fresh;
    e.generation.store(++generation_, std::memory_order_relaxed); // all of it is published by the pointer
    e.canary.store(canary_alive, std::memory_order_relaxed);
    e.age.store(0, std::memory_order_relaxed);
    job_.built(e);
    if (complete)
        initialise(e);
    return &e;
}

void element_pool::expect_state(element& e, element_state expected, const char* what)
{
    if (e.state == expected)
        return;
    checks_[check::reclaim].fail({now_ns(), -1, e.generation.load(std::memory_order_relaxed),
                                  static_cast<std::uint64_t>(e.state), static_cast<std::uint64_t>(expected),
                                  0, what});
}

void element_pool::published(element& e)
{
    const std::lock_guard guard(lock_);
    e.state = element_state::published;
}

void element_pool::retire(element& e)
{
    const std::lock_guard guard(lock_);
    expect_state(e, element_state::published, "state of a handler that is retired");
    e.state = element_state::retired;
    e.retired_ns = now_ns();
    e.age.store(1, std::memory_order_relaxed); // a reader that sees 0 for a while is right as well
    ++books_.retired;
    books_.waiting_max = std::max(books_.waiting_max, books_.waiting());
}

void element_pool::reclaim(element& e)
{
    const std::lock_guard guard(lock_);
    checks_[check::reclaim].looked();
    expect_state(e, element_state::retired, "state of a handler that is reclaimed");
    NMISIM_PROBE1(reclaim, e.generation.load(std::memory_order_relaxed));
    ++books_.reclaimed;
    if (e.state != element_state::retired)
        return;
    e.state = element_state::reclaimed;
    job_.reclaimed(e);
    e.canary.store(canary_poison, std::memory_order_relaxed);
    e.data.words.fill(canary_poison);
    for (element* older : pipe_)
        older->age.store(older->age.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // (1) release: the canary is poisoned; pairs with nmi/handlers/checked_handler.cpp(1)
    e.age.store(2, std::memory_order_release);
    pipe_.push_back(&e);
    if (pipe_.size() > pipe_length) {
        pipe_.front()->state = element_state::free;
        free_.push_back(pipe_.front());
        pipe_.pop_front();
    }
}

pool_books element_pool::books() const
{
    const std::lock_guard guard(lock_);
    return books_;
}

} // namespace nmisim
