// SPDX-License-Identifier: MIT
//
// What NMI context needs of flavor nmi beyond inlined code. It is alone in its object file, because a lint test looks
// at the calls in each object that NMI context reaches.
#include "base/errno_guard.hpp"
#include "base/invariant.hpp"
#include "rcu/nmi.hpp"

#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::rcu {

hardware_reader unregistered_reader;
constinit __thread hardware_reader* this_reader
    __attribute__((tls_model("initial-exec"), visibility("hidden"))) = &unregistered_reader;

void nested_too_deep(hardware_reader& self) noexcept
{
    BUG_ON(&self != &unregistered_reader);
    self.word.store(0, std::memory_order_relaxed); // nobody looks at it
}

void nmi_platform::wake(reader& self) noexcept
{
    const errno_guard guard;
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&self.word) + 1, FUTEX_WAKE_PRIVATE, INT_MAX);
}

} // namespace nmisim::rcu
