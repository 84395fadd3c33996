// SPDX-License-Identifier: MIT
//
// Exit code 77 (Meson: skipped) if nothing can be explored: valgrind, an emulator, a debugger. Also under a sanitizer,
// whose calls at every load and store change the boundaries that these tests know.
#include "support/catch_session.hpp"

#include "nmisim/explore.hpp"

#include <cstdio>
#include <string>
#include <string_view>

constexpr bool instrumented = std::string_view(NMISIM_SANITIZER) != "none"; // this file itself never is

int main(int argc, char** argv)
{
    if (instrumented) {
        std::fputs("skipped: a sanitizer's code is not the code that is explored\n", stderr);
        return 77;
    }
    const std::string absent = nmisim::explore::mechanism_absent();
    if (!absent.empty()) {
        std::fprintf(stderr, "skipped: %s\n", absent.c_str());
        return 77;
    }
    return nmisim::test::run_catch(argc, argv);
}
