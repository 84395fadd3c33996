// SPDX-License-Identifier: MIT
//
// Text from outside (a word of the command line, a line of a file, a path) as a message may show it. A terminal obeys
// control characters and a reader of a log takes a new line for a new message, so both are written out: \n, \x1b. So
// are the characters that no one sees or that turn the order of the others round, and bytes that are no UTF-8. A long
// text is cut, and says how long it was.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nmisim {

/// `text` on one line, in at most about `most` characters.
std::string shown(std::string_view text, std::size_t most = 80);

/// Whether shown() would write out something of it. Length does not matter.
bool has_controls(std::string_view text);

} // namespace nmisim
