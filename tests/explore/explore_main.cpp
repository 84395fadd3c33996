// SPDX-License-Identifier: MIT
//
// Exit code 77 (skipped, to Meson) where nothing can be explored: valgrind, an emulator, a debugger.
#define CATCH_CONFIG_RUNNER
#include "support/catch2.hpp"

#include "nmisim/explore.hpp"

#include <cstdio>

int main(int argc, char** argv)
{
    const std::string absent = nmisim::explore::mechanism_absent();
    if (!absent.empty()) {
        std::fprintf(stderr, "skipped: %s\n", absent.c_str());
        return 77;
    }
    return Catch::Session().run(argc, argv);
}
