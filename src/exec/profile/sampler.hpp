// SPDX-License-Identifier: MIT
//
// The handler of --profile. It is compiled into a section of its own, whose bytes are put into other programs: it calls nothing,
// has no data, and finds the memory that it shares with the supervisor behind its own page. So it runs in static programs, in
// those without a C library, and with any stack or thread pointer. errno is not touched.
#pragma once

#include <cstddef>
#include <span>

namespace nmisim::exec {

/// The bytes of the sampler; its first instruction first.
std::span<const std::byte> sampler_code() noexcept;

} // namespace nmisim::exec
