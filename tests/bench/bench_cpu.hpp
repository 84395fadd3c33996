// SPDX-License-Identifier: MIT
//
// The calling thread as a vCPU without a machine: a percpu area as `this_cpu`, registered with RCU, no signal.
// The caller plays the signal entry and calls the dispatcher by hand.
#pragma once

#include "nmi/percpu.hpp"
#include "rcu/rcu.hpp"

#include <memory>
#include <vector>

namespace nmisim::bench {

/// One domain for all threads of a benchmark, as the vCPUs of a machine have.
inline nmi_domain shared_domain;

/// The flavor, with one domain for all threads of a benchmark. Never destroyed.
inline const domain_rcu& shared_rcu(flavor f)
{
    static const auto* const all = [] {
        auto* const v = new std::vector<std::unique_ptr<domain_rcu>>;
        for (const flavor one : all_flavors)
            v->push_back(std::make_unique<domain_rcu>(one));
        return v;
    }();
    return *(*all)[static_cast<std::size_t>(f)];
}

class bench_cpu {
public:
    bench_cpu(flavor f, int number) : rcu_(shared_rcu(f))
    {
        area_.domain = &shared_domain;
        shared_domain.readers = rcu_.domain(); // each thread of a benchmark stores the same
        area_.cpunumber = number;
        if (rcu_.counts_vcpus())
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
        if (rcu_.counts_vcpus())
            rcu_.give_count_back(area_.count);
    }
    bench_cpu(const bench_cpu&) = delete;
    bench_cpu& operator=(const bench_cpu&) = delete;

    percpu& area() noexcept { return area_; }

private:
    const domain_rcu& rcu_;
    percpu area_;
};

} // namespace nmisim::bench
