// SPDX-License-Identifier: MIT
#include "explore/memory/contexts.hpp"

#include "explore/step/breakpoint.hpp"

namespace nmisim::explore {

void note_not_covered(shared_schedules& s, const char* why, std::uintptr_t at, long call)
{
    for (std::uint32_t i = 0; i < s.not_covered_count; ++i)
        if (s.not_covered[i].at == at)
            return;
    if (s.not_covered_count == std::size(s.not_covered))
        return;
    auto& note = s.not_covered[s.not_covered_count++];
    note.why.set(why);
    note.at = at;
    note.call = call;
}

void remember_code(const shared_schedules& s, code_table& code)
{
    for (std::uint32_t i = 0; i < s.learned_count; ++i) {
        const learned& l = s.code[i];
        instruction what;
        if (!decode(l.ip, original_code_at(l.ip), what))
            continue;
        code.add(what)->use = l.use;
    }
}

void keep_code(shared_schedules& s, const code_table& code)
{
    s.learned_count = 0;
    for (const known_instruction& k : code.all())
        s.code[s.learned_count++] = {k.what.ip, k.use};
}

} // namespace nmisim::explore
