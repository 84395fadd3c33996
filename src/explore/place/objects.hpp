// SPDX-License-Identifier: MIT
//
// The loaded objects of this process: which one an address is in, and which function a slot of a jump table
// stands for. Calls through the PLT are named by their relocation, because the function behind it may have no
// name of its own (memcpy resolves to one of several static variants).
#pragma once

#include <cstdint>
#include <string>

namespace nmisim::explore {

struct loaded_object {
    std::string name; ///< file name, no folder; the executable's is "this program"
    bool loader = false;
};

/// nullptr: in none. Valid until an object is loaded or unloaded.
const loaded_object* object_at(std::uintptr_t address);

/// Name of the function that the slot at `address` is bound to, or an empty text.
std::string function_of_slot(std::uintptr_t address);

} // namespace nmisim::explore
