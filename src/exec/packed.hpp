// SPDX-License-Identifier: MIT
//
// What a worker of --jobs sends back, as bytes: each field is its length, a colon, and itself; a message is a field whose
// content is its kind and its fields.
#pragma once

#include "exec/comparison.hpp"

#include <optional>
#include <string>
#include <variant>

namespace nmisim::exec {

/// A finished call; what ended the work before its end; what is no longer compared; the work is done.
using message = std::variant<placement, ended, aspects, std::monostate>;

std::string packed(const message& m);
/// Takes the first whole message out of `text`. Nothing: more has to come.
std::optional<message> next_message(std::string& text);

} // namespace nmisim::exec
