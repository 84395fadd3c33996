// SPDX-License-Identifier: MIT
//
// A report in a file is there as a whole or not at all: written beside its name, flushed to the disk, then
// renamed. A reader never sees half a JSON document, and a full disk leaves the old file as it was. What is
// no regular file (/dev/stdout, a pipe) is written to in place, never replaced.
#pragma once

#include <string>
#include <string_view>

namespace nmisim {

/// The file that writing to `path` makes or replaces: the end of its symbolic links, which stay, be it there yet or not.
/// Errors: std::system_error where the links have no end.
std::string file_behind(const std::string& path);

/// Errors: std::system_error that names the file and the call.
void write_output_file(const std::string& path, std::string_view text);

/// Looks, before ten seconds are spent on a run, whether `path` can be written at all.
/// Errors: as write_output_file(). Race: the answer can change before the end of the run.
void check_output_file(const std::string& path);

} // namespace nmisim
