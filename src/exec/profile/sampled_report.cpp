// SPDX-License-Identifier: MIT
//
// From places to functions: the end of sampled_tree.hpp.
#include "exec/profile/file_symbols.hpp"
#include "exec/profile/sampled_tree.hpp"
#include "explore/place/objects.hpp"

#include <algorithm>
#include <set>

namespace nmisim::exec {

namespace {

using function_key = std::pair<std::string, std::string>; // its name, its file's
struct function_counts {
    std::uint64_t self = 0;
    std::uint64_t total = 0;
};
using counted_functions = std::map<function_key, function_counts>;

std::string object_of(const std::string& path)
{
    return path == "//anon" ? "[anon]" : explore::file_name_of(path);
}

std::vector<profiled_function> sorted_rows(const counted_functions& all)
{
    std::vector<profiled_function> rows;
    for (const auto& [key, n] : all)
        rows.push_back({key.first, key.second, n.self, n.total});
    std::stable_sort(rows.begin(), rows.end(), [](const profiled_function& a, const profiled_function& b) {
        return a.self != b.self ? a.self > b.self : a.total > b.total;
    });
    return rows;
}

} // namespace

void sampled_tree::report(profile_found& to, const std::function<std::uint64_t(std::uint64_t)>& ns_of)
{
    std::map<const std::vector<code_place>*, std::uint32_t> timed_stacks;
    file_symbols symbols;
    counted_functions everywhere;
    std::map<std::pair<std::string, std::vector<std::string>>, std::uint64_t> stacks;
    for (const auto& t : threads_) {
        if (t->samples == 0)
            continue;
        counted_functions here;
        for (const auto& [stack, n] : t->stacks) {
            std::set<function_key> seen; // a recursive function is on it once
            std::vector<std::string> names;
            for (std::size_t i = 0; i < stack.size(); ++i) {
                const std::string& path = files_[stack[i].file];
                const function_key key{symbols.function_at(path, stack[i].offset), object_of(path)};
                for (counted_functions* const table : {&here, &everywhere}) {
                    function_counts& f = (*table)[key];
                    f.self += i == 0 ? n : 0;
                    f.total += seen.contains(key) ? 0 : n;
                }
                seen.insert(key);
                names.push_back(!key.first.empty()   ? key.first
                                : key.second.empty() ? "[unknown]"
                                                     : "[" + key.second + "]");
            }
            std::reverse(names.begin(), names.end());
            if (most_timed_ != 0) {
                timed_stacks[&stack] = static_cast<std::uint32_t>(to.timeline_stacks.size());
                to.timeline_stacks.push_back(names);
            }
            stacks[{t->path.substr(0, t->path.find('/')) + " " + t->exe, names}] += n;
        }
        to.by_thread.push_back({t->path, t->exe, t->name, t->samples, sorted_rows(here)});
    }
    std::map<const sampled_thread*, profiled_timeline> timelines;
    for (const timed& t : timeline_)
        timelines[t.thread].samples.push_back({ns_of(t.ticks), timed_stacks.at(t.stack)});
    for (const auto& t : threads_)
        if (const auto at = timelines.find(t.get()); at != timelines.end()) {
            auto& [path, exe, name, samples] = at->second;
            path = t->path;
            exe = t->exe;
            name = t->name;
            std::sort(samples.begin(), samples.end(),
                      [](const timed_sample& a, const timed_sample& b) { return a.at_ns < b.at_ns; });
            to.timelines.push_back(std::move(at->second));
        }
    to.timeline_lost = timeline_lost_;
    std::stable_sort(
        to.by_thread.begin(), to.by_thread.end(),
        [](const profiled_thread& a, const profiled_thread& b) { return a.samples > b.samples; });
    to.functions = sorted_rows(everywhere);
    for (const auto& [key, n] : stacks)
        to.by_stack.push_back({key.first, key.second, n});
    to.with_callers = with_callers_;
    to.processes = all_processes_;
    to.programs = programs_;
    to.unarmed = to_arm_ - std::min(to_arm_, armed_);
    std::set<std::string> threads;
    for (const auto& t : threads_)
        threads.insert(t->path);
    to.threads = static_cast<unsigned>(threads.size());
    to.without_clock = without_clock_;
    to.events_lost = events_lost_;
}

} // namespace nmisim::exec
