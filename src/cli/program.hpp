// SPDX-License-Identifier: MIT
#pragma once

namespace nmisim::cli {

/// The whole program, with main()'s arguments. Its exit code. Context: control, the first thread.
int run_program(int argc, char** argv);

} // namespace nmisim::cli
