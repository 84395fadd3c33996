// SPDX-License-Identifier: MIT
//
// What the program may do to a stream: colour it, redraw a line, how wide it is; and how it writes to
// standard output, where a reader that went away is no error and a full disk is one.
#pragma once

#include "cli/options/settings.hpp"

#include <string_view>

namespace nmisim::cli {

/// Standard descriptors that are closed are opened on /dev/null, in the wrong direction for a use of them: a
/// report file must not become descriptor 1 by accident, and writing is still told as a failure. SIGPIPE
/// and SIGXFSZ are ignored. Context: control, before anything is opened.
void prepare_streams();

/// --color over NO_COLOR over FORCE_COLOR / CLICOLOR_FORCE over "is it a terminal".
bool use_color(color_when when, int fd);

/// A terminal that knows how to go back to the start of a line.
bool can_redraw(int fd);

/// Columns of standard output for --help: 80 where it is no terminal, within 60 and 110.
int help_columns();

/// Writes all of it, and waits where it is full. A reader that went away (EPIPE) is no error: the rest is dropped in silence.
/// Errors: std::system_error for everything else.
void write_stdout(std::string_view text);

/// Writes to standard error; failures are ignored, there is nobody left to tell.
void write_stderr(std::string_view text) noexcept;

/// "nmi-sim: MESSAGE" to standard error, on one line whatever the message has from outside.
void say(std::string_view message);

} // namespace nmisim::cli
