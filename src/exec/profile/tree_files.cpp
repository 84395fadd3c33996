// SPDX-License-Identifier: MIT
#include "exec/profile/tree_files.hpp"

#include "base/clock.hpp"
#include "exec/trace/proc_files.hpp"
#include "explore/place/objects.hpp"

#include <algorithm>

namespace nmisim::exec {

namespace {

constexpr std::uint64_t first_look_ns = 20'000'000;
constexpr std::uint64_t longest_wait_ns = 1'280'000'000;

tree_event event_of(enum tree_event::kind what, pid_t pid)
{
    tree_event e{};
    e.kind = what;
    e.pid = e.tid = pid;
    return e;
}

} // namespace

bool tree_files::add_mapped(pid_t pid, std::vector<tree_event>& to)
{
    const std::string maps = explore::maps_of(pid);
    for (const explore::mapping_line& m : explore::lines_of(maps)) {
        if (m.rights[2] != 'x')
            continue;
        tree_event e = event_of(tree_event::kind::mapped, pid);
        e.start = m.start;
        e.bytes = m.end - m.start;
        e.offset = m.offset;
        e.text = m.path.empty() ? "//anon" : m.path; // as the kernel's records say
        to.push_back(std::move(e));
    }
    return !maps.empty();
}

std::vector<tree_event> tree_files::executed(pid_t pid)
{
    std::vector<tree_event> all;
    if (!known_.contains(pid)) {
        pid_t parent = parent_of(pid);
        while (parent > 1 && !known_.contains(parent))
            parent = parent_of(parent);
        all.push_back(event_of(tree_event::kind::birth, pid));
        all.back().parent = parent > 1 ? parent : command_; // one that was left behind by its parent
        known_.insert(pid);
    }
    all.push_back(event_of(tree_event::kind::executed, pid));
    all.back().text = explore::file_name_of(exe_of(pid));
    add_mapped(pid, all);
    running_[pid] = {now_ns() + first_look_ns, first_look_ns};
    return all;
}

std::vector<tree_event> tree_files::look()
{
    std::vector<tree_event> all;
    const std::uint64_t now = now_ns();
    for (auto at = running_.begin(); at != running_.end();) {
        auto& [pid, next] = *at;
        if (now < next.at_ns) {
            ++at;
            continue;
        }
        next.wait_ns = std::min(2 * next.wait_ns, longest_wait_ns);
        next.at_ns = now + next.wait_ns;
        if (add_mapped(pid, all)) {
            ++at;
            continue;
        }
        all.push_back(event_of(tree_event::kind::end, pid));
        known_.erase(pid); // another process may have its number
        at = running_.erase(at);
    }
    return all;
}

} // namespace nmisim::exec
