// SPDX-License-Identifier: MIT
//
// The calls of a recorded run, followed step by step: which function runs at a boundary, and who has called it.
// Calls by the PLT, through a slot (-fno-plt) and direct ones look alike here: each begins with a call instruction, and
// the stack pointer shows when a function has returned (longjmp included). A jump to the beginning of a function, or
// into another object, is a tail call: the function that jumped stays in the chain.
#pragma once

#include "explore/place/function_names.hpp"
#include "explore/place/objects.hpp"
#include "explore/step/stepper.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nmisim::explore {

struct called_function {
    std::uintptr_t entry = 0;
    std::uint32_t called_from = 0; ///< boundary of the instruction that called, or jumped
    std::uintptr_t returns_by = 0; ///< the call instruction to which it returns
    std::uintptr_t sp = 0;         ///< at its entry
    std::uint32_t since = 0;       ///< boundary
    std::uintptr_t slot = 0;       ///< of the jump table by which it was called; 0: none
    const loaded_object* object = nullptr;
    std::string name;    ///< for people, empty: none known
    bool called = false; ///< by a call instruction; false: by a jump
    bool blamed = false; ///< it, or one of its callers, was found unsafe
    bool binds = false;  ///< the dynamic loader is finding out where the call goes
};

class call_stack {
public:
    call_stack(const recording& steps, loaded_objects& objects, function_names& names);

    /// Goes on to boundary `i`, one at a time from 1. True: a function has been entered there, now(); or a stub of
    /// a jump table, which then has no name and gives way to its function.
    bool step(std::uint32_t i);

    called_function& now() noexcept { return frames_.back(); }
    called_function& caller() noexcept { return frames_[frames_.size() - 2]; }
    const std::vector<called_function>& all() const noexcept { return frames_; }

private:
    bool jumped(std::uint32_t i, bool returned);
    bool is_stub(std::uint32_t i) const noexcept;
    std::uint32_t call_site(std::uint32_t i);

    const recording& steps_;
    loaded_objects& objects_;
    function_names& names_;
    std::vector<called_function> frames_;
};

} // namespace nmisim::explore
