// SPDX-License-Identifier: MIT
//
// The allocator under a sanitizer, which has its own: it offers hooks, without the caller's address.
#include "verify/libc_guard/libc_guard.hpp"

#include <cstddef>

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*));

namespace {

[[gnu::constructor]] void install_hooks()
{
    __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t) {
            nmisim::libc_guard_report("malloc calls in NMI context", nullptr);
        },
        [](const volatile void*) { nmisim::libc_guard_report("free calls in NMI context", nullptr); });
}

} // namespace
