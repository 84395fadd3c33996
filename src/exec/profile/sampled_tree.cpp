// SPDX-License-Identifier: MIT
#include "exec/profile/sampled_tree.hpp"

#include "base/clock.hpp"
#include "exec/profile/clock.hpp"
#include "exec/trace/proc_files.hpp"
#include "explore/place/objects.hpp"

#include <algorithm>

#include <unistd.h>

namespace nmisim::exec {

sampled_tree::sampled_tree(pid_t command, int signal, std::uint64_t period_ns, bool main_only,
                           std::size_t timeline, clock_kind clocks)
    : signal_(signal), period_ns_(period_ns), main_only_(main_only), clock_kind_(clocks),
      most_timed_(timeline)
{
    auto first = std::make_shared<sampled_process>();
    first->path = "0";
    first->image = std::make_shared<program_image>();
    processes_[command] = first;
    auto thread = std::make_shared<sampled_thread>();
    thread->path = "0";
    thread->in = first;
    threads_.push_back(thread);
    running_[command].thread = thread;
}

sampled_tree::~sampled_tree()
{
    for (const auto& [tid, r] : running_)
        if (r.clock >= 0 && clock_kind_ == clock_kind::perf_event)
            close(r.clock);
    for (const old_clock& c : old_)
        close(c.fd);
}

std::uint32_t sampled_tree::file_named(const std::string& path)
{
    const auto [at, is_new] = file_numbers_.try_emplace(path, static_cast<std::uint32_t>(files_.size()));
    if (is_new)
        files_.push_back(path);
    return at->second;
}

void sampled_tree::start_clock(pid_t tid, running& r, std::uint32_t generation)
{
    r.clock = clock_kind_ == clock_kind::timer ? last_timer_ : open_clock(tid, signal_, period_ns_);
    if (r.clock < 0) {
        ++without_clock_;
        return;
    }
    auto& meanings = clocks_[r.clock];
    meanings.push_back({generation, r.thread, r.thread->in->image});
}

void sampled_tree::stop_clock(running& r, std::uint32_t generation)
{
    if (r.clock >= 0 && clock_kind_ == clock_kind::perf_event)
        old_.push_back({r.clock, generation});
    r.clock = -1;
}

// Behind the generation in which its thread ended: another thread's samples with that number are of a later one.
void sampled_tree::close_clocks(std::uint32_t oldest_generation)
{
    while (!old_.empty() && old_.front().until < oldest_generation) {
        close(old_.front().fd);
        old_.pop_front();
    }
}

void sampled_tree::born(const tree_event& e, std::uint32_t generation)
{
    const bool is_thread = e.pid == e.parent;
    const auto parent = processes_.find(e.parent);
    if (parent == processes_.end())
        return;
    const auto of = parent->second;
    auto thread = std::make_shared<sampled_thread>();
    if (is_thread) {
        thread->in = of;
        thread->path = of->path + "/" + std::to_string(++of->threads);
        ++of->live;
    } else {
        auto child = std::make_shared<sampled_process>();
        child->path = of->path + "." + std::to_string(++of->births);
        child->armed =
            of->armed && !main_only_ && catches(e.pid, signal_); // CLONE_CLEAR_SIGHAND leaves it without
        child->image = std::make_shared<program_image>(*of->image);
        processes_[e.pid] = child;
        ++all_processes_;
        thread->in = child;
        thread->path = child->path;
    }
    thread->exe = of->image->exe;
    threads_.push_back(thread);
    running& r = running_[e.tid];
    stop_clock(r, generation);
    r.thread = thread;
    if (thread->in->armed)
        start_clock(e.tid, r, generation);
}

void sampled_tree::mapped(const tree_event& e)
{
    const auto p = processes_.find(e.pid);
    if (p == processes_.end())
        return;
    auto& code = p->second->image->code;
    const std::uintptr_t end = e.start + e.bytes;
    // What lay there does so no more; what is left of it before and behind does.
    auto at = code.upper_bound(e.start);
    if (at != code.begin() && std::prev(at)->second.end > e.start)
        --at;
    while (at != code.end() && at->first < end) {
        const auto [start, old] = *at;
        at = code.erase(at);
        if (start < e.start)
            code[start] = {e.start, old.file, old.offset};
        if (old.end > end)
            code[end] = {old.end, old.file, old.offset + (end - start)};
    }
    code[e.start] = {end, file_named(e.text), e.offset};
}

void sampled_tree::note(const std::vector<tree_event>& events, std::uint32_t generation)
{
    for (const tree_event& e : events) {
        const auto thread = running_.find(e.tid);
        switch (e.kind) {
        case tree_event::kind::birth: born(e, generation); break;
        case tree_event::kind::mapped: mapped(e); break;
        case tree_event::kind::lost: events_lost_ += e.lost; break;
        case tree_event::kind::end:
            last_death_ns_ = now_ns();
            if (thread != running_.end()) {
                stop_clock(thread->second, generation);
                running_.erase(thread);
                if (const auto p = processes_.find(e.pid); p != processes_.end() && --p->second->live == 0)
                    processes_.erase(p);
            }
            break;
        case tree_event::kind::executed:
            if (const auto p = processes_.find(e.pid); p != processes_.end()) {
                p->second->image = std::make_shared<program_image>();
                p->second->armed = false;
                ++programs_;
                to_arm_ += main_only_ && p->second->path != "0" ? 0 : 1;
            }
            [[fallthrough]];
        case tree_event::kind::named:
            if (thread != running_.end())
                thread->second.thread->name = e.text;
            break;
        }
    }
}

void sampled_tree::executed(pid_t pid, bool armed, std::uint32_t generation)
{
    const auto p = processes_.find(pid);
    if (p == processes_.end())
        return;
    p->second->armed = armed;
    armed_ += armed ? 1 : 0;
    p->second->image->exe = explore::file_name_of(exe_of(pid));
    // Another thread than the first may have executed it; that one has the first one's number now.
    for (auto at = running_.begin(); at != running_.end();) {
        const bool is_gone = at->first != pid && at->second.thread->in == p->second;
        if (is_gone)
            stop_clock(at->second, generation);
        at = is_gone ? running_.erase(at) : std::next(at);
    }
    p->second->live = 1;
    running& r = running_[pid];
    stop_clock(r, generation);
    if (r.thread == nullptr || r.thread->samples != 0 || r.thread->exe.empty() == false) {
        // Another program: its samples have rows of their own.
        auto thread = std::make_shared<sampled_thread>();
        thread->path = p->second->path;
        thread->in = p->second;
        thread->name = r.thread != nullptr ? r.thread->name : "";
        threads_.push_back(thread);
        r.thread = thread;
    }
    r.thread->exe = p->second->image->exe;
    if (armed)
        start_clock(pid, r, generation);
}

const sampled_tree::meaning* sampled_tree::meaning_of(int clock, std::uint32_t generation) const
{
    const auto found = clocks_.find(clock);
    if (found == clocks_.end())
        return nullptr;
    const auto& all = found->second;
    const auto later =
        std::find_if(all.begin(), all.end(), [&](const meaning& m) { return m.since > generation; });
    return later == all.begin() ? nullptr : &*std::prev(later);
}

std::optional<code_place> program_image::place_of(std::uintptr_t ip) const
{
    const auto after = code.upper_bound(ip);
    if (after == code.begin() || ip >= std::prev(after)->second.end)
        return std::nullopt;
    const auto& [start, there] = *std::prev(after);
    return code_place{there.file, ip - start + there.offset};
}

// Where a return address lies in no code, the walk went astray: what is behind it means nothing.
void sampled_tree::add(const taken_sample& s, known_frames& known)
{
    const meaning* const m = meaning_of(s.clock, s.generation);
    if (m == nullptr)
        return;
    program_image& image = *m->image;
    const bool by_rules = s.is_known || !s.stack.empty();
    const auto rule = [&](std::uintptr_t ip) -> const frame_rule* {
        static const frame_rule none;
        const auto place = image.place_of(ip);
        return !place ? nullptr : by_rules ? &rules_.at(files_[place->file], place->offset) : &none;
    };
    constexpr std::uintptr_t word_mask = sizeof(std::uintptr_t) - 1;
    walked_stack walked = walk_stack({s.ip, s.sp, s.fp, {s.sp & ~word_mask, s.stack}}, most_frames, rule);
    if (s.is_known)
        learned_.was_known(walked, image.ways, known);
    else if (by_rules)
        learned_.walked(walked, s.stack.size(), image.ways, known);
    std::vector<code_place> stack;
    for (const walked_place& p : walked.places)
        stack.push_back(image.place_of(p.ip).value_or(code_place{file_named(""), 0}));
    with_callers_ += stack.size() > 1 ? 1 : 0;
    ++m->thread->samples;
    const auto counted = m->thread->stacks.try_emplace(std::move(stack)).first;
    ++counted->second;
    if (most_timed_ == 0)
        return;
    timeline_.push_back({s.ticks, m->thread.get(), &counted->first});
    if (timeline_.size() > most_timed_) {
        timeline_.pop_front();
        ++timeline_lost_;
    }
}

} // namespace nmisim::exec
