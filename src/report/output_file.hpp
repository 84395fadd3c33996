// SPDX-License-Identifier: MIT
//
// A report in a file is complete or absent: it is written to a new file in the same folder, flushed to the disk, then
// renamed. A reader never sees half a JSON document, and a full disk leaves the old file as it was. The new file has a
// name that nobody can guess and must not exist yet (O_EXCL), so a link put there by others has no effect. It gets
// owner and mode of the old file. A file that is not regular (a pipe, a device) or is open already (/dev/stdout) is
// written in place, never replaced.
#pragma once

#include <string>
#include <string_view>

namespace nmisim {

/// The file that writing to `path` makes or replaces: the end of its symbolic links, which stay, be it there yet or not.
/// Errors: std::system_error where the links have no end.
std::string file_behind(const std::string& path);

/// Whether `path` is a device, a pipe or a descriptor: it takes one report after the other.
/// Errors: as file_behind().
bool is_written_in_place(const std::string& path);

/// Errors: std::system_error that names the file and the call.
void write_output_file(const std::string& path, std::string_view text);

/// Tries, before ten seconds are spent on a run, whether `path` can be written at all: opens what is there, and makes
/// a new file beside it, which goes at once. A pipe that nobody reads yet is taken.
/// Errors: as write_output_file(). Race: the answer can change before the end of the run.
void check_output_file(const std::string& path);

/// Removes what write_output_file() has not renamed yet. For a thread that is about to end the process.
void remove_unfinished_output() noexcept;

} // namespace nmisim
