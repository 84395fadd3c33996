// SPDX-License-Identifier: MIT
#include "nmisim/interrupt.hpp"

#include <unistd.h>

namespace nmisim {

pid_t event::tid() const noexcept
{
    return known_tid != 0 ? known_tid : gettid();
}

} // namespace nmisim
