// SPDX-License-Identifier: MIT
//
// The handler of a checked run: a callback whose data shows every mistake of the pattern. Like rcutorture's element, it
// is never really freed: a late reader finds an object of the same type and *counts* the violation, where a freed one
// would crash or go unnoticed.
//
//   age         rcutorture's Reader Pipe. 0: published. 1: unpublished, its grace period may still run.
//               2 or more: a grace period has ended since it was unpublished, and whoever sees that in a
//               read-side section proves the grace period too short (I1). Read *last*.
//   canary      poisoned when the data is reclaimed (I1)
//   generation  differs before and after: reclaimed and used again under the reader (I1)
//   data, sum   sum over the data; differs: seen before it was initialised (I2)
//
// Context of checked_call and observe: nmi, and vcpu inside a read-side section.
#pragma once

#include "base/counter.hpp"
#include "nmi/percpu.hpp"
#include "nmisim/callback.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace nmisim {

/// What a handler's data looks like: nine words, as the 72-byte structure whose copy GCC reorders.
struct handler_data {
    std::array<std::uint64_t, 8> words;
    std::uint64_t sum;
};

inline constexpr std::uint64_t canary_alive = 0x600df00d600df00d;
inline constexpr std::uint64_t canary_poison = 0x6b6b6b6b6b6b6b6b; // the kernel's POISON_FREE

/// The data of generation `generation`, complete with its sum. Context: any.
handler_data make_handler_data(std::uint64_t generation) noexcept;
std::uint64_t sum_of(const handler_data& data) noexcept;

struct alignas(cacheline_size) checked_handler : nmi_callback {
    checked_handler() noexcept;

    std::atomic<std::uint64_t> generation{0};
    std::atomic<std::uint64_t> canary{canary_poison};
    std::atomic<int> age{0};
    std::uint64_t hold_ns = 0;    ///< time spent in the handler between its first and its last look
    void* job = nullptr;          ///< data of what it does besides
    nmi_function inner = nullptr; ///< for a function that does its own and then what another one does
    handler_data data{};
};

/// The function of a checked handler: counts itself (exactly-once), observes, returns 1.
int checked_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;
/// The same for an IRQ line's: IRQ context's own records.
int checked_irq_call(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

/// Looks at a checked handler twice, `hold_ns` apart, and records what does not fit. NMI context's records.
void observe(nmi_callback& callback, percpu& cpu) noexcept;
/// The same with IRQ context's records.
void observe_in_irq(nmi_callback& callback, percpu& cpu) noexcept;
/// The same for task-level readers (workload `read`): the vCPU's own records.
void observe_from_task(nmi_callback& callback, percpu& cpu) noexcept;

} // namespace nmisim
