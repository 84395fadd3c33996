// SPDX-License-Identifier: MIT
//
// Loaded by places_test.cpp at run time, in the process that explores alone.
extern "C" [[gnu::visibility("default")]] void nmisim_test_plugin(long* n)
{
    *n = *n + 1;
}
