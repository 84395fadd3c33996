// SPDX-License-Identifier: MIT
#include "exec/handlers/handler_table.hpp"

#include "exec/outcome.hpp"
#include "explore/place/function_names.hpp"
#include "explore/place/judged_calls.hpp"
#include "explore/place/places.hpp"
#include "explore/step/system_call.hpp"

#include <algorithm>

namespace nmisim::exec {

namespace {

bool same_call(const explore::audit_entry& a, const explore::audit_entry& b)
{
    return a.function == b.function && a.why == b.why && (a.safe || a.chain == b.chain);
}

} // namespace

std::size_t audited_handler::unsafe() const noexcept
{
    return static_cast<std::size_t>(std::count_if(functions.begin(), functions.end(),
                                                  [](const explore::audit_entry& e) { return !e.safe; }));
}

audited_handler& handler_table::row(const task& t, int signal, std::uintptr_t handler)
{
    auto [name, fresh] = names_.try_emplace({t.in->tgid, handler});
    if (fresh) {
        explore::places places(explore::maps_of(t.in->tgid));
        const explore::place& where = places.of(handler);
        name->second = {where.symbol.empty() || where.offset != 0 ? explore::name_of(where) : where.symbol,
                        where.source};
    }
    const auto key = std::tuple(t.in->exe, signal, name->second.first);
    auto [found, new_row] = rows_.try_emplace(key);
    audited_handler& r = found->second;
    if (new_row) {
        order_.push_back(key);
        r.path = t.in->path;
        r.exe = t.in->exe;
        r.signal = signal;
        r.name = name->second.first;
        r.source = name->second.second;
        r.error_allowed = has(allowed_, "errno");
    }
    return r;
}

std::uintptr_t handler_table::errno_function(const task& t)
{
    const auto [found, fresh] = errno_functions_.try_emplace(t.in->tgid, 0);
    if (!fresh)
        return found->second;
    explore::loaded_objects objects(explore::maps_of(t.in->tgid));
    explore::function_names names(objects);
    for (const explore::loaded_object& o : objects.all())
        if (const std::uintptr_t there = names.address_of(o, "__errno_location");
            there != 0 && (found->second == 0 || o.name.starts_with("libc")))
            found->second = there;
    return found->second;
}

void handler_table::forget(const task& t)
{
    errno_functions_.erase(t.in->tgid);
    std::erase_if(names_, [&](const auto& one) { return one.first.first == t.in->tgid; });
}

void handler_table::add(const task& t, walk& w, walk::state how)
{
    audited_handler& r = row(t, w.signal(), w.handler());
    add_end(r, t, w, how);
    r.steps = std::max(r.steps, w.steps());
    r.stack_bytes = std::max(r.stack_bytes, w.stack_bytes());
    r.alternate_stack = r.alternate_stack || w.on_alternate_stack();
    r.atomics = std::max(r.atomics, w.atomics());
    for (const auto& [nr, count] : w.system_calls())
        r.system_calls[nr] += count;
    judge(r, t, w);
}

// Only who returns must have kept errno: the interrupted code goes on.
void handler_table::add_end(audited_handler& to, const task& t, const walk& w, walk::state how)
{
    to.stepped += how != walk::state::too_long ? 1 : 0;
    switch (how) {
    case walk::state::returned: ++to.returned; break;
    case walk::state::jumped: ++to.jumped; break;
    case walk::state::too_long: ++to.cut; break;
    case walk::state::inside:
        ++to.ended;
        to.last_call = w.last_call() >= 0 ? explore::name_of_system_call(w.last_call()) : "";
        break;
    }
    if (how != walk::state::returned)
        return;
    const auto before = w.error_before();
    const auto after = w.error_now(t.tid);
    using enum audited_handler::error_number;
    if (!before || !after || to.error == changed)
        return;
    to.error = *before == *after ? kept : changed;
    to.error_before = *before;
    to.error_after = *after;
}

void handler_table::judge(audited_handler& to, const task& t, walk& w)
{
    const explore::recording steps = w.recording();
    if (!judged_.emplace(&to, explore::fingerprint(steps)).second)
        return;
    std::string maps = explore::maps_of(t.in->tgid);
    if (maps.empty()) // the process has ended
        maps = w.maps();
    const explore::judgement found = explore::judged_calls(
        steps, maps, {.allowed = allowed_, .binding_counts = false, .of_this_program = false});
    to.names = to.names || found.names;
    to.libraries = to.libraries || found.libraries;
    to.calls = std::max<std::uint64_t>(to.calls, found.calls);
    to.bound = std::max<std::uint64_t>(to.bound, found.bound);
    for (const explore::audit_entry& e : found.entries) {
        const auto same = std::find_if(to.functions.begin(), to.functions.end(),
                                       [&](const explore::audit_entry& one) { return same_call(one, e); });
        if (same == to.functions.end())
            to.functions.push_back(e);
        else
            same->calls += e.calls;
    }
}

std::vector<audited_handler> handler_table::rows() const
{
    std::vector<audited_handler> all;
    for (const auto& key : order_)
        all.push_back(rows_.at(key));
    return all;
}

} // namespace nmisim::exec
