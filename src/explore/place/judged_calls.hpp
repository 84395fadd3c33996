// SPDX-License-Identifier: MIT
//
// Which of the functions that a recorded handler calls it must not call. Every call is looked at, in every object. The
// handler's own object may call only listed functions of other objects. A function known to allocate, lock or throw is
// reported at any depth; what it calls in turn is not reported again. Functions are known by address, so that one under
// another name (malloc, __libc_malloc) is the same.
// Context: control. The files of `maps` are read, never the memory of the process.
#pragma once

#include "explore/step/stepper.hpp"
#include "nmisim/explore.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::explore {

struct judged_by {
    const std::vector<std::string>& allowed; ///< names that somebody vouches for
    bool binding_counts = true;              ///< lazy binding inside the handler is a finding
    bool of_this_program = true;             ///< the process was a child of this one, and not another program
};

struct judgement {
    std::vector<audit_entry> entries; ///< as in audit_report
    std::uint32_t calls = 0;          ///< functions entered by a call
    std::uint32_t bound = 0;          ///< ... that were bound lazily
    bool names = false;     ///< the handler's object has the names of its own functions: it is not stripped
    bool libraries = false; ///< there are other objects: it is not a static program
};

/// `maps`: in the format of /proc/PID/maps.
judgement judged_calls(const recording& steps, std::string_view maps, const judged_by& rules);

} // namespace nmisim::explore
