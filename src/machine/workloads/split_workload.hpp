// SPDX-License-Identifier: MIT
//
// Workload `split`: three functions that share a vCPU's time 60 : 30 : 10, to show how true a profile is.
//
// A round is ten units of equal work, six of work_60, three of work_30 and one of work_10, in a random order:
// a profiler that samples at a fixed rate would otherwise fall into step with a fixed order and see one
// function too often. The time that the functions really took is measured by the thread's CPU clock between units, so a
// profile can be compared with it and not only with the intended shares.
//
// Context: vcpu.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nmisim {

struct percpu;

inline constexpr std::size_t split_parts = 3;
inline constexpr std::array<int, split_parts> split_percent{60, 30, 10};
inline constexpr std::array<std::string_view, split_parts> split_names{"nmisim::work_60", "nmisim::work_30",
                                                                       "nmisim::work_10"};

// Named and not inlined: a profile must be able to tell them apart. Return a checkable result.
[[gnu::noinline]] std::uint64_t work_60(std::uint64_t seed) noexcept;
[[gnu::noinline]] std::uint64_t work_30(std::uint64_t seed) noexcept;
[[gnu::noinline]] std::uint64_t work_10(std::uint64_t seed) noexcept;

void split_round(percpu& area) noexcept;

} // namespace nmisim
