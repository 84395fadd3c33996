// SPDX-License-Identifier: MIT
//
// The checked handlers of a run and their life, after rcutorture's element pool. Nothing is given back to
// malloc during a run: "freed" means poisoned and aged, so that a late reader is seen and counted.
//
//   free --take--> fresh --published--> published --retire--> retired --reclaim--> reclaimed --aged--> free
//
// retire sets age 1 *before* the grace period; reclaim poisons and sets age 2 after it; every later reclaim
// ages the reclaimed ones by one, and at 10 an element is free again. Any other transition is a failure of the check
// `reclaim`: a handler is reclaimed once, after it was retired.
#pragma once

#include "nmi/handlers/checked_handler.hpp"
#include "rcu/rcu.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace nmisim {

class element_pool;
class handler_job;

enum class element_state : std::uint8_t { free, fresh, published, retired, reclaimed };

struct element : checked_handler {
    rcu_callback_head head{};                  ///< for reclaim by call_rcu
    void* owner = nullptr;                     ///< who reclaims it then
    element_state state = element_state::free; ///< under the pool's lock
    std::uint64_t retired_ns = 0;
};

/// What has become of a pool's handlers so far.
struct pool_books {
    std::uint64_t retired = 0;
    std::uint64_t reclaimed = 0;
    std::uint64_t waiting_max = 0; ///< most that were retired and not yet reclaimed

    std::uint64_t waiting() const noexcept { return retired - std::min(retired, reclaimed); }
};

class element_pool {
public:
    /// `function` is what the handlers run; what they are for is the job's to say. `hold_ns`: how long each
    /// takes. Context: control.
    element_pool(std::size_t size, nmi_function function, handler_job& job, std::uint64_t hold_ns);

    /// A handler of the next generation; its data is initialised unless `complete` is false. Null: none free.
    element* take(bool complete = true);
    void initialise(element& e) noexcept;
    void published(element& e);
    void retire(element& e);
    void reclaim(element& e);

    pool_books books() const;
    /// Failures of the check `reclaim`, written under the lock.
    const check_block& checks() const noexcept { return checks_; }

private:
    handler_job& job_;
    void expect_state(element& e, element_state expected, const char* what);

    mutable std::mutex lock_; ///< protects all below; never held across a grace period, never taken in NMI
    std::vector<element> elements_;
    std::deque<element*> free_;
    std::deque<element*> pipe_;
    std::uint64_t generation_ = 0;
    pool_books books_;
    check_block checks_;
};

} // namespace nmisim
