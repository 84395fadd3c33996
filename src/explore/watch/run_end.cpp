// SPDX-License-Identifier: MIT
#include "explore/watch/run_end.hpp"

namespace nmisim::explore {

namespace {

bool handler_ran(const delivery_note& nmi) noexcept
{
    return nmi.handler_at.load(std::memory_order_relaxed) != 0; // its writer has ended
}

judged_end of_the_explored_signal(std::string words, const delivery_note& nmi)
{
    if (handler_ran(nmi))
        return {verdict::clean, words + ", the explored signal, behind its handler"};
    if (nmi.without.load(std::memory_order_relaxed) ==
        without_handler::default_action) // its writer has ended
        return {verdict::crash, words + ", the explored signal: no handler is installed there"};
    return {verdict::crash, words + ", the explored signal, and its handler has not run"};
}

} // namespace

judged_end judge_end(const target& what, int signal, const child_result& end, const delivery_note& nmi)
{
    std::string words = in_words(end);
    if (end.end == child_end::stuck)
        return {verdict::hang, std::move(words)};
    const bool killed = end.end == child_end::crashed;
    const bool by_default = killed && end.code == signal;
    if (what.ended == nullptr || !handler_ran(nmi))
        return by_default ? of_the_explored_signal(std::move(words), nmi)
                          : judged_end{verdict::crash, std::move(words)};
    const run_end how{killed ? end.code : 0, killed ? 0 : end.code};
    if (const char* wrong = what.ended(how); wrong != nullptr)
        return {verdict::crash, words + ": " + wrong};
    return {verdict::clean, words + ", as it may"};
}

std::string where_it_died(const child_result& end, const fault_note& fault, places& names)
{
    const int signal = fault.signal.load(std::memory_order_relaxed); // its writer has ended
    if (end.end != child_end::crashed || signal != end.code)
        return {};
    const place& at = names.of(fault.ip, fault.bytes);
    std::string text = " (" + describe_fault(fault) + ") in " + name_of(at);
    if (!at.source.empty())
        text += " (" + at.source + ")";
    if (!at.instruction.empty())
        text += " " + at.instruction;
    if (fault.off_the_alternate_stack)
        text += ", outside of the alternate stack";
    return text;
}

} // namespace nmisim::explore
