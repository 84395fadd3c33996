// SPDX-License-Identifier: MIT
//
// --handler profile: the handlers' sample buffers (nmi/handlers/profile.hpp), and the flat profile made from
// them. A handler gets its buffer when it is built and gives it back when its grace period has ended; then the
// buffer is drained. So samples become visible by a swap, and a run that never swaps needs room for all of
// them.
//
// Context: control. built() and reclaimed() are called under the element pool's lock.
#pragma once

#include "nmi/handlers/profile.hpp"
#include "verify/jobs/handler_job.hpp"

#include <unordered_map>
#include <vector>

namespace nmisim {

class profile_job : public handler_job {
public:
    explicit profile_job(const run_config& config);

    void built(checked_handler& h) override;
    void reclaimed(checked_handler& h) override;
    void fill_report(machine& m, run_report& report, bool drained) override;

private:
    const int cpus_;
    const std::size_t room_; ///< samples per vCPU and buffer
    const std::size_t most_; ///< buffers: memory is bounded, beyond it samples are counted as lost
    profile_buffer no_room_; ///< shared by handlers that are built when all buffers are taken
    std::vector<std::unique_ptr<profile_buffer>> buffers_;
    std::vector<profile_buffer*> free_;
    std::unordered_map<std::uintptr_t, std::uint64_t> samples_; ///< by instruction
    std::uint64_t taken_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t drained_ = 0;
};

} // namespace nmisim
