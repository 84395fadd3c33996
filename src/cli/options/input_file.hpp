// SPDX-License-Identifier: MIT
//
// Reads a file whole, or says why not: a read that fails is an error with its errno, as an open that fails is one,
// and no file is longer than it may be. A stream of the C++ library would call both the end of the file.
#pragma once

#include <cstddef>
#include <string>

namespace nmisim::cli {

/// Errors: std::system_error that names the file; EFBIG where there is more than `most` bytes.
std::string read_whole_file(const std::string& path, std::size_t most);

} // namespace nmisim::cli
