// SPDX-License-Identifier: MIT
#include "exec/trace/breakpoints.hpp"

#include "exec/trace/memory.hpp"

#include <algorithm>

namespace nmisim::exec {

bool breakpoints::plant(const task& t, std::uintptr_t at)
{
    const auto code = read_word(t.tid, at);
    if (!code || !write_word(t.tid, at, with_breakpoint(*code)))
        return false;
    if (planted& one = code_[{t.in->tgid, at}]; !one.is_there)
        one = {*code, true};
    return true;
}

std::optional<breakpoints::hit> breakpoints::take(const task& t)
{
    saved_registers r{};
    if (!read_registers(t.tid, r))
        return std::nullopt;
    const std::uintptr_t at = breakpoint_behind(r);
    const auto now = read_word(t.tid, at);
    if (!now)
        return std::nullopt;
    auto found = code_.find({t.in->tgid, at});
    const bool inherited = found == code_.end() || !found->second.is_there;
    // One that is taken may be in the memory of a child that is older, or another thread may have stopped at it, too.
    const auto may_be = [&](const planted& p) {
        return p.is_there ||
               (without_breakpoint(*now, p.code) == p.code && with_breakpoint(p.code) != p.code);
    };
    if (inherited)
        found = std::find_if(code_.begin(), code_.end(),
                             [&](const auto& one) { return one.first.second == at && may_be(one.second); });
    if (found == code_.end() || !write_word(t.tid, at, without_breakpoint(*now, found->second.code)))
        return std::nullopt;
    move_to(r, at);
    write_registers(t.tid, r);
    if (!inherited)
        found->second.is_there = false;
    return hit{at, inherited};
}

void breakpoints::forget(pid_t tgid)
{
    for (auto& [where, one] : code_)
        if (where.first == tgid)
            one.is_there = false;
}

} // namespace nmisim::exec
