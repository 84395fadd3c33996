// SPDX-License-Identifier: MIT
//
// A mistake on the command line or in a configuration file: the only exception that leads to exit code 2.
#pragma once

#include <stdexcept>
#include <string>

namespace nmisim::cli {

class usage_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace nmisim::cli
