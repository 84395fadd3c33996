// SPDX-License-Identifier: MIT
//
// The calling thread as a vCPU without a machine: a percpu area as `this_cpu`, registered with RCU, no signal.
// The caller plays the signal entry and calls the dispatcher by hand.
#pragma once

#include "nmi/percpu.hpp"
#include "rcu/rcu.hpp"

namespace nmisim::bench {

/// One domain for all threads of a benchmark, as the vCPUs of a machine have.
inline nmi_domain shared_domain;

class bench_cpu {
public:
    bench_cpu(flavor f, int number) : rcu_(rcu_ops_of(f))
    {
        area_.domain = &shared_domain;
        area_.cpunumber = number;
        if (rcu_.take_count != nullptr)
            rcu_.register_vcpu(area_.count = rcu_.take_count());
        else
            rcu_.register_thread();
        area_.count->set_offline(false);
        this_cpu = &area_;
    }
    ~bench_cpu()
    {
        this_cpu = nullptr;
        rcu_.unregister_thread();
        if (rcu_.give_count_back != nullptr)
            rcu_.give_count_back(area_.count);
    }
    bench_cpu(const bench_cpu&) = delete;
    bench_cpu& operator=(const bench_cpu&) = delete;

    percpu& area() noexcept { return area_; }

private:
    const rcu_ops& rcu_;
    percpu area_;
};

} // namespace nmisim::bench
