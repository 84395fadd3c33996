// SPDX-License-Identifier: MIT
//
// What happens only once in a process: a thread-local variable of a library that was loaded later gets its memory, a
// function is bound.
#include <cstring>

namespace {

thread_local char block[8192];

} // namespace

extern "C" int explore_test_bound_late(int value);

extern "C" [[gnu::visibility("default")]] void explore_test_touch()
{
    block[0] = 1;
    asm volatile("" : : "r"(block) : "memory");
}

extern "C" [[gnu::visibility("default")]] void explore_test_call()
{
    static volatile int value;
    value = explore_test_bound_late(value);
}
