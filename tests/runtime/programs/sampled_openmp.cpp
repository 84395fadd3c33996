// SPDX-License-Identifier: MIT
//
// An OpenMP loop: libgomp's threads, which the program never sees.
#include "sampled.hpp"

#include <omp.h>

namespace {

std::uint64_t work()
{
    std::uint64_t sum = 0;
#pragma omp parallel for num_threads(4) reduction(+ : sum) schedule(dynamic, 1000)
    for (std::uint64_t i = 0; i < 10'000'000; ++i) {
        std::uint64_t x = i * 0x9e3779b97f4a7c15;
        x ^= x >> 29;
        sum += x * 0xbf58476d1ce4e5b9;
    }
    return sum;
}

} // namespace

int main()
{
    return nmisim::test::sampled(work);
}
