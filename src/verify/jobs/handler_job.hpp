// SPDX-License-Identifier: MIT
//
// What a run's handlers do besides showing mistakes: the control side of --handler. A job gives the handlers their
// function, gives each its data before it is published, and takes the data back when its grace period has ended. At the
// end, if no vCPU is stuck, it reports what it found. The NMI side of each is in src/nmi/handlers.
//
// Context: control, unless said otherwise.
#pragma once

#include "nmi/chain/check_duration.hpp"
#include "nmi/handlers/checked_handler.hpp"
#include "verify/parts/run_part.hpp"

#include <memory>

namespace nmisim {

class handler_job : public run_part {
public:
    /// `each_runs`: the function of its handlers.
    explicit handler_job(nmi_function each_runs) noexcept : function_(each_runs) {}

    nmi_function function() const noexcept { return function_; }
    /// A handler is being built and will be published.
    virtual void built(checked_handler&) {}
    /// Its grace period has ended: nobody runs it any more. Also on liburcu's callback thread.
    virtual void reclaimed(checked_handler&) {}

private:
    const nmi_function function_;
};

/// A handler's function, timed or not; picked when a run is set up.
template <nmi_function Call>
nmi_function timed_if_asked(const run_config& config) noexcept
{
    return config.nmi_longest_ns != 0 ? timed_call<Call> : Call;
}

/// The job that the configuration asks for.
std::unique_ptr<handler_job> make_handler_job(const run_config& config);

} // namespace nmisim
