// SPDX-License-Identifier: MIT
#include "cli/program.hpp"

int main(int argc, char** argv)
{
    return nmisim::cli::run_program(argc, argv);
}
