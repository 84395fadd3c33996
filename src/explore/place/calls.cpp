// SPDX-License-Identifier: MIT
#include "explore/place/calls.hpp"

#include <algorithm>

namespace nmisim::explore {

namespace {

constexpr std::uintptr_t longest_instruction = 15;
constexpr std::uint32_t longest_stub = 4; // instructions of an entry of the PLT

} // namespace

call_stack::call_stack(const recording& steps, loaded_objects& objects, function_names& names)
    : steps_(steps), objects_(objects), names_(names)
{
    called_function handler;
    handler.entry = steps.count != 0 ? steps.ip[0] : 0;
    handler.sp = ~std::uintptr_t{0}; // the end of the run is its return
    handler.object = objects.at(handler.entry);
    handler.name = names.around(handler.entry);
    frames_.push_back(std::move(handler));
}

bool call_stack::step(std::uint32_t i)
{
    const std::uintptr_t from = steps_.ip[i - 1];
    const std::uintptr_t to = steps_.ip[i];
    const std::uintptr_t sp = steps_.sp[i];
    const std::uintptr_t slot = arch::jump_slot(steps_.ip, steps_.code, i - 1);
    bool returned = false;
    while (frames_.size() > 1 && arch::has_returned(now().returns_by, now().sp, to, sp)) {
        frames_.pop_back();
        returned = true;
    }
    if (!arch::was_call(steps_.ip, steps_.code, i - 1)) {
        // Also where a stub goes on to the loader, with its next instruction: the slot names the function.
        if (is_stub(i) && !objects_.function_of_slot(slot).empty())
            now().slot = slot;
        return (to <= from || to > from + longest_instruction) && jumped(i, returned);
    }
    called_function f;
    f.entry = to;
    f.called = true;
    f.called_from = i - 1;
    f.slot = slot;
    f.returns_by = from;
    f.sp = sp;
    f.since = i;
    f.object = objects_.at(to);
    f.blamed = now().blamed;
    frames_.push_back(std::move(f));
    return true;
}

bool call_stack::jumped(std::uint32_t i, bool returned)
{
    const std::uintptr_t to = steps_.ip[i];
    const std::uintptr_t sp = steps_.sp[i];
    const loaded_object* object = objects_.at(to);
    const bool starts_there = to != now().entry && !names_.at(to).empty();
    if (object == now().object && !starts_there)
        return false;
    if (now().sp == sp && (now().binds || (!returned && is_stub(i)))) {
        now().entry = to;
        now().object = object;
        now().called = false;
        return true;
    }
    const auto same = std::find_if(frames_.begin() + 1, frames_.end(),
                                   [&](const called_function& f) { return f.sp == sp && f.entry == to; });
    called_function f;
    f.entry = to;
    f.called_from = call_site(i);
    f.slot = arch::jump_slot(steps_.ip, steps_.code, i - 1);
    f.returns_by = now().sp == sp ? now().returns_by : steps_.ip[i - 1];
    f.sp = sp;
    f.since = i;
    f.object = object;
    f.blamed = now().blamed;
    frames_.erase(same, frames_.end()); // two that jump to each other without end
    frames_.push_back(std::move(f));
    return true;
}

bool call_stack::is_stub(std::uint32_t i) const noexcept
{
    const called_function& f = frames_.back();
    return frames_.size() > 1 && f.name.empty() && i - f.since <= longest_stub;
}

// The instruction of the function that jumped: behind it the PLT.
std::uint32_t call_stack::call_site(std::uint32_t i)
{
    std::uint32_t at = i - 1;
    while (at > 0 && i - at <= longest_stub && names_.around(steps_.ip[at]).empty())
        --at;
    return names_.around(steps_.ip[at]).empty() ? i - 1 : at;
}

} // namespace nmisim::explore
