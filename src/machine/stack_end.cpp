// SPDX-License-Identifier: MIT
#include "machine/backtrace/unwind.hpp"

#include <pthread.h>

namespace nmisim {

std::uintptr_t stack_end_of_this_thread() noexcept
{
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    void* lowest = nullptr;
    std::size_t size = 0;
    const bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
    pthread_attr_destroy(&attributes);
    return known ? reinterpret_cast<std::uintptr_t>(lowest) + size : 0;
}

} // namespace nmisim
