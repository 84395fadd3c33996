// SPDX-License-Identifier: MIT
#include "exec/profile/tree_files.hpp"

#include "base/clock.hpp"
#include "exec/trace/proc_files.hpp"
#include "explore/place/objects.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace nmisim::exec {

namespace {

constexpr std::uint64_t first_look_ns = 20'000'000;
constexpr std::uint64_t longest_wait_ns = 1'280'000'000;

} // namespace

bool tree_files::add_mapped(pid_t pid, std::vector<tree_event>& to)
{
    const std::string maps = explore::maps_of(pid);
    for (std::size_t at = 0; at < maps.size();) {
        const std::size_t end = std::min(maps.find('\n', at), maps.size());
        const std::string line = maps.substr(at, end - at);
        at = end + 1;
        unsigned long long start = 0;
        unsigned long long stop = 0;
        unsigned long long offset = 0;
        char rights[5] = "";
        int path_at = 0;
        if (std::sscanf(line.c_str(), "%llx-%llx %4s %llx %*s %*s %n", &start, &stop, rights, &offset,
                        &path_at) < 4 ||
            rights[2] != 'x')
            continue;
        tree_event e{};
        e.kind = tree_event::kind::mapped;
        e.pid = e.tid = pid;
        e.start = start;
        e.bytes = stop - start;
        e.offset = offset;
        e.text = path_at == 0 ? "" : line.substr(static_cast<std::size_t>(path_at));
        if (e.text.empty())
            e.text = "//anon"; // as the kernel's records say
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
        tree_event birth{};
        birth.kind = tree_event::kind::birth;
        birth.pid = birth.tid = pid;
        birth.parent = parent > 1 ? parent : command_; // one that was left behind by its parent
        all.push_back(std::move(birth));
        known_.insert(pid);
    }
    tree_event e{};
    e.kind = tree_event::kind::executed;
    e.pid = e.tid = pid;
    e.text = file_name_of(exe_of(pid));
    all.push_back(std::move(e));
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
        tree_event end{};
        end.kind = tree_event::kind::end;
        end.pid = end.tid = pid;
        all.push_back(std::move(end));
        known_.erase(pid); // another process may have its number
        at = running_.erase(at);
    }
    return all;
}

} // namespace nmisim::exec
