// SPDX-License-Identifier: MIT
//
// The threads of a race, by number. Everything about a reduced map that is kept for each thread is indexed by it.
#pragma once

#include "nmisim/explore.hpp"

namespace nmisim::explore {

inline constexpr unsigned the_reader = 0;
inline constexpr unsigned the_updater = 1;
inline constexpr unsigned the_second_reader = 2;
inline constexpr unsigned most_threads = 3;

inline unsigned threads_of(const race& what) noexcept
{
    return what.reader2 == nullptr ? 2 : most_threads;
}
inline const char* name_of_thread(unsigned thread) noexcept
{
    return thread == the_reader ? "reader" : thread == the_updater ? "updater" : "reader 2";
}
/// Why this race cannot be explored, or nullptr.
inline const char* nothing_to_try(const race& what, memory_model memory)
{
    if (what.reader2 != nullptr && memory == memory_model::tso)
        return "two readers are explored without store buffers only";
    return what.reader == nullptr    ? "nothing was tried: race::reader is not set"
           : what.updater == nullptr ? "nothing was tried: race::updater is not set"
                                     : nullptr;
}

} // namespace nmisim::explore
