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
    code_.try_emplace({t.in->tgid, at}, *code);
    return true;
}

std::optional<breakpoints::hit> breakpoints::take(const task& t)
{
    saved_registers r{};
    if (!read_registers(t.tid, r))
        return std::nullopt;
    const std::uintptr_t at = breakpoint_behind(r);
    auto found = code_.find({t.in->tgid, at});
    const bool inherited = found == code_.end();
    if (inherited)
        found =
            std::find_if(code_.begin(), code_.end(), [&](const auto& one) { return one.first.second == at; });
    const auto now = read_word(t.tid, at);
    if (found == code_.end() || !now || !write_word(t.tid, at, without_breakpoint(*now, found->second)))
        return std::nullopt;
    move_to(r, at);
    write_registers(t.tid, r);
    if (!inherited)
        code_.erase(found);
    return hit{at, inherited};
}

void breakpoints::forget(pid_t tgid)
{
    std::erase_if(code_, [&](const auto& one) { return one.first.first == tgid; });
}

} // namespace nmisim::exec
