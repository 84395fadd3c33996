// SPDX-License-Identifier: MIT
//
// Loaded by places_test.cpp at run time, only in the process that explores.
extern "C" [[gnu::visibility("default")]] void nmisim_test_plugin(long* n)
{
    *n = *n + 1;
}
