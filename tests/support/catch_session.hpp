// SPDX-License-Identifier: MIT
//
// For test programs with their own main().
#pragma once

namespace nmisim::test {

/// Runs the test cases that the command line asks for; what main() returns. Context: the main thread.
int run_catch(int argc, char** argv);

} // namespace nmisim::test
