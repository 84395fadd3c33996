// SPDX-License-Identifier: MIT
#include "base/affinity.hpp"

#include "machine/limits.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <functional>
#include <sched.h>
#include <thread>
#include <vector>

using namespace nmisim;

namespace {

/// The CPUs that a thread of its own may run on after `body`.
std::vector<int> allowed_after(const std::function<void()>& body)
{
    std::vector<int> cpus;
    std::thread([&] {
        body();
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) != 0)
            return;
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set))
                cpus.push_back(cpu);
    }).join();
    return cpus;
}

} // namespace

TEST_CASE("who keeps off pinned vCPUs may run on all CPUs but theirs")
{
    const std::vector<int> all = allowed_after([] {});
    for (int vcpus = 1; vcpus < allowed_cpus(); ++vcpus) {
        std::vector<int> expected{all.front()};
        expected.insert(expected.end(), all.begin() + vcpus + 1, all.end());
        CHECK(allowed_after([&] { leave_cpus_of(vcpus); }) == expected);
        for (int cpu = 0; cpu < vcpus; ++cpu) {
            int pinned_to = -1;
            const std::vector<int> own = allowed_after([&] { pinned_to = pin_self(cpu + 1); });
            CHECK(own == std::vector<int>{pinned_to});
            CHECK(std::find(expected.begin(), expected.end(), pinned_to) == expected.end());
        }
    }
    if (allowed_cpus() < 2)
        WARN("skipped: one CPU here: there is nothing to keep off");
}

TEST_CASE("where pinned vCPUs leave no CPU, nobody is moved")
{
    const std::vector<int> all = allowed_after([] {});
    CHECK(allowed_after([] { leave_cpus_of(allowed_cpus()); }) == all);
    CHECK(allowed_after([] { leave_cpus_of(0); }) == all);
    CHECK(allowed_after([] { leave_cpus_of(4096); }) == all);
}
