// SPDX-License-Identifier: MIT
//
// The names of functions, exported or not, of the objects that a child process had loaded. Read from their files,
// without elfutils. All names of an address are kept, because any of them may be on the list.
#pragma once

#include "explore/place/objects.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nmisim::explore {

class function_names {
public:
    /// `objects` outlives it.
    explicit function_names(loaded_objects& objects) : objects_(objects) {}

    /// Of the function that starts at `address`; aliases have several. The file does not say where an indirect function
    /// (ifunc) leads to; `also_called` adds that.
    std::vector<std::string_view> at(std::uintptr_t address);
    /// Of the function that holds `address`, or an empty text.
    std::string_view around(std::uintptr_t address);
    /// Where a function of that name starts in `object`; 0: it has none.
    std::uintptr_t address_of(const loaded_object& object, std::string_view name);
    struct range {
        std::uintptr_t start = 0; ///< 0: there is none
        std::uint64_t size = 0;
    };
    /// The same, also by the name as people read it, or its last parts: "ns::f" of `_ZN2ns1fEv`, "f".
    range function_of(const loaded_object& object, std::string_view name);
    /// Whether the file has the names of its own functions too, not only those that it exports.
    bool names_all(const loaded_object& object);
    /// `name` is a function that this program, and so the child, finds under that name: an indirect one is resolved.
    void also_called(const char* name);

private:
    struct symbol {
        std::uintptr_t start;
        std::uint64_t size;
        std::string_view name; ///< as in the file, without a version; in `texts`
    };
    struct table {
        std::vector<symbol> all; ///< in order of their addresses
        std::vector<std::vector<char>> texts;
        bool complete = false;
    };
    const table& of(const loaded_object& object);

    loaded_objects& objects_;
    std::unordered_map<const loaded_object*, table> known_;
    std::unordered_multimap<std::uintptr_t, const char*> resolved_;
};

} // namespace nmisim::explore
