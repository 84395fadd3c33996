// SPDX-License-Identifier: MIT
//
// A raise on a line that the caller holds, or that is its own: latched, counted, sent, and taken back where the kernel
// refuses. How lines differ is `Way`:
//
//   latching()           one pending at most
//   has_room(sent)       false: too many wait or execute, with this one as the `sent`th
//   send()               the signal; 0, or the errno
//   refused(errno)       what that comes to, and into which book
#pragma once

#include "nmisim/raise_result.hpp"
#include "runtime/line.hpp"

namespace nmisim::runtime {

/// Context: any. Progress: lock-free, one system call.
template <class Way>
inline raise_result send_on(line& l, const Way& way) noexcept
{
    if (way.latching() && !l.set_latch()) {
        l.coalesced.fetch_add(1, std::memory_order_relaxed); // for the books
        return raise_result::coalesced;
    }
    // Before the signal, which orders it: a drain never sees it too small.
    const std::uint64_t sent = l.sent.fetch_add(1, std::memory_order_relaxed) + 1;
    if (!way.has_room(sent)) {
        l.sent.fetch_sub(1, std::memory_order_relaxed); // for the books
        return raise_result::full;
    }
    const int error = way.send();
    if (error == 0)
        return raise_result::raised;
    // Not sent; but another signal may have been taken for it. A raise that coalesced meanwhile is in the books as that.
    if (way.latching() && !l.take_latch())
        return raise_result::raised;
    l.sent.fetch_sub(1, std::memory_order_relaxed); // for the books
    return way.refused(error);
}

} // namespace nmisim::runtime
