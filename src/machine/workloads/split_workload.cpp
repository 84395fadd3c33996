// SPDX-License-Identifier: MIT
#include "machine/workloads/split_workload.hpp"

#include "base/clock.hpp"
#include "nmi/chain/check_duration.hpp"
#include "nmi/percpu.hpp"

#include <utility>

namespace nmisim {
namespace {

constexpr int steps = 1'000'000; // about 1 ms a unit: of the NMIs, few interrupt the clock read between two

// Three sets of constants, so that no compiler folds the three functions into one.
template <std::uint64_t Multiplier>
inline std::uint64_t compute(std::uint64_t x) noexcept
{
    for (int i = 0; i < steps; ++i)
        x = x * Multiplier + 1442695040888963407u;
    return x;
}

constexpr std::uint64_t multiplier_60 = 6364136223846793005u;
constexpr std::uint64_t multiplier_30 = 3935559000370003845u;
constexpr std::uint64_t multiplier_10 = 2862933555777941757u;

/// The same by repeated squaring of the step x -> a x + c; an independent way to the result.
std::uint64_t expected(std::uint64_t a, std::uint64_t x) noexcept
{
    std::uint64_t c = 1442695040888963407u, all_a = 1, all_c = 0;
    for (int n = steps; n != 0; n /= 2) {
        if (n % 2 != 0) {
            all_a = a * all_a;
            all_c = a * all_c + c;
        }
        c = (a + 1) * c;
        a = a * a;
    }
    return all_a * x + all_c;
}

struct part {
    std::uint64_t (*work)(std::uint64_t) noexcept;
    std::uint64_t multiplier;
};
constexpr std::array<part, split_parts> parts{part{work_60, multiplier_60}, part{work_30, multiplier_30},
                                              part{work_10, multiplier_10}};

/// A random order of 0 0 0 0 0 0 1 1 1 2.
std::array<std::size_t, 10> shuffled(std::uint64_t& random) noexcept
{
    std::array<std::size_t, 10> order{0, 0, 0, 0, 0, 0, 1, 1, 1, 2};
    for (std::size_t i = order.size() - 1; i > 0; --i) {
        random = random * multiplier_60 + 1442695040888963407u;
        std::swap(order[i], order[(random >> 33) % (i + 1)]);
    }
    return order;
}

} // namespace

std::uint64_t work_60(std::uint64_t seed) noexcept
{
    return compute<multiplier_60>(seed);
}

std::uint64_t work_30(std::uint64_t seed) noexcept
{
    return compute<multiplier_30>(seed);
}

std::uint64_t work_10(std::uint64_t seed) noexcept
{
    return compute<multiplier_10>(seed);
}

void split_round(percpu& area) noexcept
{
    std::uint64_t random = area.work.read() * 2 + static_cast<std::uint64_t>(area.cpunumber) + 1;
    check_record& results = area.task_checks[check::workload];
    std::uint64_t begin_ns = thread_cpu_ns();
    for (const std::size_t i : shuffled(random)) {
        const std::uint64_t seed = random + i;
        const std::uint64_t sum = parts[i].work(seed);
        const std::uint64_t end_ns = thread_cpu_ns();
        area.split[i].add(end_ns - begin_ns);
        begin_ns = end_ns;
        results.looked();
        if (const std::uint64_t right = expected(parts[i].multiplier, seed); sum != right)
            results.fail({now_ns(), area.cpunumber, 0, sum, right, 0, "result of a split workload's unit"});
    }
}

} // namespace nmisim
