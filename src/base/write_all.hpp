// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace nmisim {

/// All of `text` to `fd`, however long that takes; 0, or the error. Context: control.
[[nodiscard]] int write_all(int fd, std::string_view text) noexcept;

} // namespace nmisim
