// SPDX-License-Identifier: MIT
//
// Text from outside (a word of the command line, a line of a file, a path) in a form that is safe in a message. A
// terminal obeys control characters, and in a log a new line looks like a new message, so both are escaped: \n, \x1b.
// So are invisible characters, characters that reverse the order of others, and bytes that are not UTF-8. A long text
// is cut, with a note of its length.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nmisim {

/// `text` on one line, in at most about `most` characters.
std::string shown(std::string_view text, std::size_t most = 80);

/// Whether shown() would write out something of it. Length does not matter.
bool has_controls(std::string_view text);

/// `word` as a shell is to be given it: in quotes where it needs them, and, because a terminal is not to obey it, nor a log to
/// break a line, what shown() would write out as numbers.
std::string for_a_shell(std::string_view word);

/// How many bytes the UTF-8 sequence at the beginning of `text`, which is not empty, has; 0 if there is none. RFC 3629: no
/// overlong forms, no surrogates, nothing above U+10FFFF.
std::size_t utf8_length(std::string_view text);

} // namespace nmisim
