// SPDX-License-Identifier: MIT
//
// The supervisor's side of known_frames.hpp: what a walk through a copied stack teaches, and whether a stack of which no copy was
// needed was known indeed.
//
// A place is left by its frame pointer wherever it is called from: its rule says so. The way out of another place is only learned
// near the end of a stack, as the C library's few steps into main() or a thread's function are, and holds as long as it is always the
// same. What was learned wrongly is never learned again.
// Context: control, in the thread that supervises.
#pragma once

#include "exec/profile/known_frames.hpp"
#include "exec/unwind/stack_walk.hpp"

#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

namespace nmisim::exec {

/// Of one program: the callers of a place, up to the outermost.
using ways_out = std::unordered_map<std::uintptr_t, std::vector<std::uintptr_t>>;

class learned_stacks {
public:
    /// A walk with so many bytes of the stack.
    void walked(const walked_stack& w, std::size_t copied, ways_out& ways, known_frames& known);
    /// A walk without: what is missing is put behind it.
    void was_known(walked_stack& w, ways_out& ways, known_frames& known);

private:
    void doubt(std::uintptr_t place, ways_out& ways, known_frames& known);
    void want(std::size_t needed, std::size_t copied, known_frames& known) noexcept;

    std::set<std::uintptr_t> unsure_;
    std::size_t needed_ = 0; ///< bytes of a stack, most of the last samples
    unsigned samples_ = 0;
};

} // namespace nmisim::exec
