// SPDX-License-Identifier: MIT
//
// What a run's handlers do besides betraying mistakes: the control side of --handler. A job gives the handlers
// their function, gives each its data before it is published, takes the data back when its grace period has
// ended, and tells in the end what it found out. The NMI side of each lives in src/nmi.
//
// Context: control, unless said otherwise.
#pragma once

#include "nmi/handlers/checked_handler.hpp"
#include "nmisim/machine.hpp"
#include "verify/run_config.hpp"
#include "verify/run_report.hpp"

#include <memory>

namespace nmisim {

class handler_job {
public:
    handler_job() = default;
    virtual ~handler_job() = default;
    handler_job(const handler_job&) = delete;
    handler_job& operator=(const handler_job&) = delete;

    /// What each handler runs.
    virtual nmi_function function() const noexcept = 0;
    /// The machine is about to be built: a job may wrap its workload.
    virtual void dress(machine_config&) {}
    /// A handler is being built and will be published.
    virtual void built(checked_handler&) {}
    /// Its grace period has ended: nobody runs it any more. Also on liburcu's callback thread.
    virtual void reclaimed(checked_handler&) {}

    /// vCPUs are online, no NMI has been raised yet.
    virtual void started(machine&) {}
    /// The run is over: whatever keeps a vCPU from its end must let go. `stopped` follows when no NMI is left.
    virtual void release() noexcept {}
    virtual void stopped(machine&) {}
    /// After the last handler has been reclaimed.
    virtual void tell(machine&, run_report&) {}
};

/// The job that the configuration asks for.
std::unique_ptr<handler_job> make_handler_job(const run_config& config);

} // namespace nmisim
