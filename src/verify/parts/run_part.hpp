// SPDX-License-Identifier: MIT
//
// A part of a checked run: what a job, the swaps or the sources do at each of its stages. The run (run.cpp) has one
// list of its parts and walks it once for each stage: forwards at the beginning, backwards at the end.
//
//   begin   configure -> (machine) -> publish -> ready -> start
//   end     stop -> release -> (drain) -> last -> (vCPUs offline) -> fill_report -> detach
//
// If the system refuses something at the beginning, the end follows at once, without `last` and `fill_report`: a part
// must be able to end what it has not begun. Context: control.
#pragma once

#include "nmisim/machine.hpp"
#include "verify/run_report.hpp"

namespace nmisim {

class run_part {
public:
    run_part() = default;
    virtual ~run_part() = default;
    run_part(const run_part&) = delete;
    run_part& operator=(const run_part&) = delete;

    /// The machine is about to be built: a part may wrap its workload.
    virtual void configure(machine_config&) {}
    /// vCPUs are online. After this stage each NMI finds a handler to run, and has to run one.
    virtual void publish(machine&) {}
    /// All is published, and nothing is raised yet. Errors: std::system_error when the system refuses something.
    virtual void ready(machine&) {}
    /// The run's time has begun. Errors: as above.
    virtual void start(machine&) {}

    /// Raises no more.
    virtual void stop() noexcept {}
    /// Whatever keeps a vCPU from its end lets go.
    virtual void release() noexcept {}
    /// No NMI is left, and none will come: takes back what was published.
    virtual void last() {}
    /// After the books have been gathered. `drained`: last() came before; otherwise a vCPU is stuck.
    virtual void fill_report(machine&, run_report&, bool drained) { static_cast<void>(drained); }
    /// The machine is about to go.
    virtual void detach() noexcept {}
};

} // namespace nmisim
