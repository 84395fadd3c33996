// SPDX-License-Identifier: MIT
//
// What a stream allows: colour, redrawing a line, how many columns. And how the program writes to standard output: a
// reader that has gone away is not an error, a full disk is.
#pragma once

#include "cli/options/settings.hpp"

#include <string_view>

namespace nmisim::cli {

/// Standard descriptors that are closed are opened on /dev/null, in the wrong direction for a use of them: a
/// report file must not become descriptor 1 by accident, and writing is still reported as a failure. SIGPIPE and
/// SIGXFSZ are ignored. Context: control, before anything is opened.
void prepare_streams();

/// --color over NO_COLOR over FORCE_COLOR / CLICOLOR_FORCE over "is it a terminal".
bool use_color(color_when when, int fd);

/// A terminal that knows how to go back to the start of a line.
bool can_redraw(int fd);

/// Columns of standard output for --help: 80 if it is not a terminal, otherwise 60 to 110.
int help_columns();

/// Writes all of it; waits if standard output is full. A reader that has gone away (EPIPE) is not an error: the rest is
/// dropped.
/// Errors: std::system_error for everything else.
void write_stdout(std::string_view text);

/// Writes to standard error; failures are ignored, there is nobody left to tell.
void write_stderr(std::string_view text) noexcept;

/// "nmi-sim: MESSAGE" to standard error, on one line whatever the message has from outside.
void say(std::string_view message);

} // namespace nmisim::cli
