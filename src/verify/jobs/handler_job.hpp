// SPDX-License-Identifier: MIT
//
// What a run's handlers do besides showing mistakes: the control side of --handler. A job gives the handlers their
// function, gives each its data before it is published, and takes the data back when its grace period has ended. At the
// end, if no vCPU is stuck, it reports what it found. The NMI side of each is in src/nmi/handlers.
//
// Context: control, unless said otherwise.
#pragma once

#include "nmi/handlers/checked_handler.hpp"
#include "verify/parts/run_part.hpp"

#include <memory>

namespace nmisim {

class handler_job : public run_part {
public:
    /// What each handler runs.
    virtual nmi_function function() const noexcept = 0;
    /// A handler is being built and will be published.
    virtual void built(checked_handler&) {}
    /// Its grace period has ended: nobody runs it any more. Also on liburcu's callback thread.
    virtual void reclaimed(checked_handler&) {}
};

/// The job that the configuration asks for.
std::unique_ptr<handler_job> make_handler_job(const run_config& config);

} // namespace nmisim
