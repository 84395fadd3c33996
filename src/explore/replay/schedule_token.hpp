// SPDX-License-Identifier: MIT
//
// A schedule of a reduced map as the contexts of a token, and back.
// Context: control.
#pragma once

#include "explore/memory/contexts.hpp"
#include "explore/replay/token_places.hpp"

namespace nmisim::explore {

std::string token_of_schedule(const token_writer& tokens, const schedule& s, unsigned threads);

/// False: it is none of a map.
bool schedule_of_token(const token& t, const loaded_objects& objects, schedule& s);

/// Why the token cannot be of this race, or an empty text.
std::string why_other_threads(const token& t, const race& what);

} // namespace nmisim::explore
