// SPDX-License-Identifier: MIT
//
// main() of a test program, the same for Catch2 2.13 and 3.
#define CATCH_CONFIG_RUNNER
#include "support/catch2.hpp"

int main(int argc, char** argv)
{
    return Catch::Session().run(argc, argv);
}
