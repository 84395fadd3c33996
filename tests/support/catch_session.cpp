// SPDX-License-Identifier: MIT
//
// Catch2's own code, compiled once for all test programs: half a minute of work in version 2.13, which has it in its
// header.
#define CATCH_CONFIG_RUNNER
#include "support/catch_session.hpp"
#include "support/catch2.hpp"

int nmisim::test::run_catch(int argc, char** argv)
{
    return Catch::Session().run(argc, argv);
}
