// SPDX-License-Identifier: MIT
#include "base/number_text.hpp"
#include "base/shown_text.hpp"
#include "exec/exec_text.hpp"
#include "exec/handlers/signal_name.hpp"
#include "explore/step/system_call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace nmisim::exec {

namespace {

std::string with_source(const std::string& name, const std::string& source)
{
    return source.empty() ? name : fmt::format("{} ({})", name, source);
}

std::string errno_name(int number)
{
    const char* const name = strerrorname_np(number);
    return number == 0 || name == nullptr ? std::to_string(number) : name;
}

std::string errno_text(const audited_handler& h)
{
    using enum audited_handler::error_number;
    switch (h.error) {
    case not_known: return h.returned == 0 ? "" : ", errno: not known";
    case kept: return ", errno kept";
    case changed: return "";
    }
    return {};
}

std::string ends_text(const audited_handler& h)
{
    std::vector<std::string> ends;
    if (h.returned != 0)
        ends.emplace_back("returns");
    if (h.jumped != 0)
        ends.emplace_back("leaves by a jump (siglongjmp)");
    if (h.ended != 0)
        ends.push_back(h.last_call.empty() ? "the process ends inside"
                                           : fmt::format("ends the process ({})", h.last_call));
    if (h.cut != 0)
        ends.push_back(fmt::format("not followed to its end: more than {}", plural_text(h.steps, "step")));
    return fmt::format("{}", fmt::join(ends, ", "));
}

std::string system_calls_text(const audited_handler& h)
{
    std::vector<std::string> calls;
    for (const auto& [nr, count] : h.system_calls)
        calls.push_back(count == 1
                            ? explore::name_of_system_call(nr)
                            : fmt::format("{} x{}", explore::name_of_system_call(nr), count_text(count)));
    return fmt::format("{}", fmt::join(calls, ", "));
}

std::string ran_text(const audited_handler& h)
{
    std::string text =
        fmt::format("             ran {}{}: {}, stack {} bytes{}; {}{}\n", plural_text(h.ran, "time"),
                    h.sent != 0 ? fmt::format(" ({} sent by the audit)", count_text(h.sent)) : "",
                    plural_text(h.steps, "step"), count_text(h.stack_bytes),
                    h.alternate_stack ? " of its own" : "", ends_text(h), errno_text(h));
    if (h.ran > h.stepped + h.cut)
        text += note_text(h.ran - h.stepped - h.cut, "not stepped any more", "run");
    for (const explore::audit_entry& e : h.functions)
        if (!e.safe)
            text += fmt::format("  UNSAFE     {}: {}\n             called from {}; {}\n", e.function, e.why,
                                with_source(explore::name_of(e.called_from), e.called_from.source),
                                fmt::join(e.chain, " > "));
    if (h.error == audited_handler::error_number::changed)
        text += fmt::format("  {:<11}errno: {} before, {} behind; the interrupted code reads the wrong one\n",
                            h.error_allowed ? "allowed" : "UNSAFE", errno_name(h.error_before),
                            errno_name(h.error_after));
    std::vector<std::string> safe;
    for (const explore::audit_entry& e : h.functions)
        if (e.safe)
            safe.push_back(e.function);
    if (!safe.empty())
        text +=
            fmt::format("             may call: {}\n", shown(fmt::format("{}", fmt::join(safe, ", ")), 200));
    if (!h.system_calls.empty())
        text += fmt::format("             system calls: {}\n", system_calls_text(h));
    text += note_text(h.atomics, "locks are made of them", "atomic instruction:", "atomic instructions:");
    if (!h.names)
        text += h.libraries
                    ? "             stripped: only what it calls in libraries has a name, and was judged\n"
                    : fmt::format("  NOT JUDGED static and stripped: it calls {}, and none has a name\n",
                                  plural_text(h.calls, "function"));
    return text;
}

} // namespace

std::string audit_text(const exec_report& r)
{
    const auto ran = static_cast<std::uint64_t>(std::count_if(
        r.handlers.begin(), r.handlers.end(), [](const audited_handler& h) { return h.ran != 0; }));
    std::string text = fmt::format(
        "Audit        {} installed, {} ran{}; {}\n", plural_text(r.handlers.size(), "handler"),
        count_text(ran),
        r.signals_sent != 0 ? fmt::format("; {} sent", plural_text(r.signals_sent, "signal")) : "",
        r.audited.hang ? "ended by the time-out" : status_text(r.audited));
    // The same one may be there for many signals.
    std::map<std::string, std::vector<std::string>> never;
    for (const audited_handler& h : r.handlers) {
        const std::string where =
            fmt::format("{}   {} {}", with_source(h.name, h.source), h.path, shown(h.exe));
        if (h.ran == 0)
            never[where].push_back(signal_name(h.signal));
        else
            text += fmt::format("{:<13}{}\n", signal_name(h.signal), where) + ran_text(h);
    }
    for (const auto& [where, signals] : never)
        text += fmt::format("Never ran    {}: for {}; nothing is known about it\n", where,
                            fmt::join(signals, ", "));
    return text;
}

std::string audit_verdict_text(const exec_report& r)
{
    std::size_t ran = 0;
    std::size_t functions = 0;
    std::size_t clobber = 0;
    for (const audited_handler& h : r.handlers) {
        ran += h.ran != 0 ? 1 : 0;
        functions += h.unsafe();
        clobber += h.clobbers_errno() ? 1 : 0;
    }
    std::string command = "nmi-sim exec --audit";
    if (r.config.signal != 0)
        command += fmt::format(" --signal {}", signal_name(r.config.signal));
    for (const std::string& name : r.config.allowed)
        command += fmt::format(" --allow {}", name);
    command += fmt::format(" -- {}", command_text(r.config));
    if (r.verdict == exec_verdict::safe) {
        const std::size_t never = r.handlers.size() - ran;
        return fmt::format("PASS {} that ran: nothing unsafe{}: {}\n", plural_text(ran, "handler"),
                           never != 0 ? fmt::format("; {} never ran", plural_text(never, "other")) : "",
                           command);
    }
    std::vector<std::string> found;
    if (functions != 0)
        found.push_back(plural_text(functions, "unsafe call"));
    if (clobber != 0)
        found.push_back(
            fmt::format("{} that change{} errno", plural_text(clobber, "handler"), clobber == 1 ? "s" : ""));
    return fmt::format("FAIL {}: {}\n", fmt::join(found, ", "), command);
}

} // namespace nmisim::exec
