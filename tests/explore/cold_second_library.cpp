// SPDX-License-Identifier: MIT
//
// Found by the first library only when it calls: it does not name this one.
extern "C" [[gnu::visibility("default")]] int explore_test_bound_late(int value)
{
    return value + 1;
}
