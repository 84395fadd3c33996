// SPDX-License-Identifier: MIT
//
// Reads a whole file, or says why it cannot: a failed read is an error with its errno, like a failed open, and a file
// that is too long is refused. A C++ stream would take a failed read for the end of the file.
#pragma once

#include <cstddef>
#include <string>

namespace nmisim::cli {

/// Errors: std::system_error that names the file; EFBIG where there is more than `most` bytes: it may have no end.
std::string read_whole_file(const std::string& path, std::size_t most = std::size_t{256} << 20);

} // namespace nmisim::cli
