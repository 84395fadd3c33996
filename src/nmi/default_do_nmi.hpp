// SPDX-License-Identifier: MIT
//
// What an NMI does that no callback claimed: look at the reason byte, as default_do_nmi() of 2005 does.
// 0x80: memory parity error (SERR). 0x40: I/O check error. Neither: unknown, counted, and reported at most
// once per rate limit; with panic_on_unknown_nmi the run ends.
//
// Left out: re-asserting the edge-triggered line, and the two seconds that the I/O check busy-waits.
#pragma once

#include "nmi/percpu.hpp"

namespace nmisim {

inline constexpr std::uint8_t nmi_reason_serr = 0x80;
inline constexpr std::uint8_t nmi_reason_iochk = 0x40;
inline constexpr std::uint64_t unknown_nmi_report_interval_ns = 5'000'000'000; // DEFAULT_RATELIMIT_INTERVAL

/// True for one caller per interval (ratelimit), which then may write. Context: nmi.
bool nmi_report_is_due(std::atomic<std::uint64_t>& last_ns) noexcept;

/// Looks for its vCPU itself: otherwise each NMI would keep that across its callback for the few that come here.
/// Context: nmi. Progress: wait-free but for a rate-limited write(2) to standard error.
void default_do_nmi() noexcept;

} // namespace nmisim
