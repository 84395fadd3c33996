// SPDX-License-Identifier: MIT
//
// main() of a test program, the same for Catch2 2.13 and 3.
#include "support/catch_session.hpp"

int main(int argc, char** argv)
{
    return nmisim::test::run_catch(argc, argv);
}
