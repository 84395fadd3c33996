// SPDX-License-Identifier: MIT
//
// Grace periods for callers that have a deadline. No flavor's wait can be left early, so a thread waits in their place: it is
// started by the first of them. One grace period serves all that came before it began.
//
// Who gives up leaves the old handler here. It is destroyed behind its grace period, at the latest when the machine ends.
#pragma once

#include "nmisim/callback.hpp"
#include "nmisim/deadline.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace nmisim {

struct machine_state;

class retirer {
public:
    explicit retirer(const machine_state& state) noexcept : state_(state) {}
    ~retirer() { end(); }

    /// Context: control. Errors: std::system_error.
    void start();
    /// True when every NMI that could see `old` has ended. False: time is over, and `old` is null and not the caller's any more.
    /// Context: control, after start().
    [[nodiscard]] bool wait(nmi_handler& old, deadline limit);
    /// Returns when all that was left here is destroyed and the thread has ended. Context: control.
    void end();

private:
    struct request {
        bool ended = false;
        nmi_handler given_up;
    };
    void work();

    const machine_state& state_;
    std::mutex lock_; ///< protects what follows; not held while waiting for a grace period
    std::condition_variable asked_, ended_;
    std::vector<std::shared_ptr<request>> requests_;
    bool ending_ = false;
    std::thread thread_;
};

} // namespace nmisim
