// SPDX-License-Identifier: MIT
//
// The processes and threads of a profiled command, with what is mapped into each, and their samples. It follows tree_events.hpp,
// and names processes by their births as trace/task.hpp does.
//
// A sample knows its clock only: the number of a descriptor of ours. A clock is kept open until each buffer has been drained that
// was published while its thread lived, so that no number has two meanings; for the buffers of a lost era, which are drained last,
// the generation of a sample tells which thread had the number then.
// Context: control, in the thread that supervises.
#pragma once

#include "exec/profile/learned_stacks.hpp"
#include "exec/profile/profile_report.hpp"
#include "exec/profile/sample_area.hpp"
#include "exec/profile/tree_events.hpp"
#include "exec/unwind/frame_rules.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

namespace nmisim::exec {

/// A place in a file.
struct code_place {
    std::uint32_t file; ///< which of them
    std::uint64_t offset;
    auto operator<=>(const code_place&) const = default;
};

struct mapped_code {
    std::uintptr_t end;
    std::uint32_t file;
    std::uint64_t offset;
};

/// A program in a process, from its execve to the next.
struct program_image {
    std::string exe;
    std::map<std::uintptr_t, mapped_code> code; ///< by its start
    ways_out ways;

    /// Nothing: no code lies there.
    std::optional<code_place> place_of(std::uintptr_t ip) const;
};

struct sampled_process {
    std::string path;
    unsigned births = 0;
    unsigned threads = 0; ///< born beside the first
    unsigned live = 1;    ///< threads that have not ended: the first one may end before others
    bool armed = false;
    std::shared_ptr<program_image> image;
};

struct sampled_thread {
    std::string path;
    std::string name;
    std::string exe;
    std::shared_ptr<sampled_process> in;
    std::uint64_t samples = 0;
    /// Innermost first.
    std::map<std::vector<code_place>, std::uint64_t> stacks;
};

class sampled_tree {
public:
    /// `command` is process 0; it has no handler yet. `main_only`: no other process is sampled.
    /// `timeline`: so many samples are kept with their times.
    sampled_tree(pid_t command, int signal, std::uint64_t period_ns, bool main_only, std::size_t timeline = 0,
                 clock_kind clocks = clock_kind::perf_event);
    ~sampled_tree();
    sampled_tree(const sampled_tree&) = delete;
    sampled_tree& operator=(const sampled_tree&) = delete;

    /// `generation`: of the buffer that is published now.
    void note(const std::vector<tree_event>& events, std::uint32_t generation);
    /// The process has the sampler, or no handler at all; the thread is the only one that it has.
    void executed(pid_t pid, bool armed, std::uint32_t generation);
    /// `known`: what is learned of the stack is put there, or taken out.
    void add(const taken_sample& s, known_frames& known);
    /// Of the timer that the next program that is executed has been given.
    int next_timer() noexcept { return ++last_timer_; }
    /// Closes clocks whose samples have all been drained.
    void close_clocks(std::uint32_t oldest_generation);

    /// now_ns() of when a thread was last seen to have ended.
    std::uint64_t last_death_ns() const noexcept { return last_death_ns_; }
    /// Tables, with names. For once, at the end. `ns_of`: from own::ticks() to time since the command's start.
    void report(profile_found& to, const std::function<std::uint64_t(std::uint64_t)>& ns_of = {});

private:
    struct running {
        std::shared_ptr<sampled_thread> thread;
        int clock = -1;
    };
    struct meaning {
        std::uint32_t since;
        std::shared_ptr<sampled_thread> thread;
        std::shared_ptr<program_image> image;
    };
    struct old_clock {
        int fd;
        std::uint32_t until;
    };
    void born(const tree_event& e, std::uint32_t generation);
    void mapped(const tree_event& e);
    void start_clock(pid_t tid, running& r, std::uint32_t generation);
    void stop_clock(running& r, std::uint32_t generation);
    std::uint32_t file_named(const std::string& path);
    const meaning* meaning_of(int clock, std::uint32_t generation) const;

    const int signal_;
    const std::uint64_t period_ns_;
    const bool main_only_;
    const clock_kind clock_kind_;
    int last_timer_ = 0;
    std::map<pid_t, std::shared_ptr<sampled_process>> processes_; ///< that live
    std::map<pid_t, running> running_;
    std::vector<std::shared_ptr<sampled_thread>>
        threads_; ///< all that there were, in the order of their births
    std::unordered_map<int, std::vector<meaning>> clocks_;
    std::deque<old_clock> old_;
    std::vector<std::string> files_;
    std::map<std::string, std::uint32_t> file_numbers_;
    frame_rules rules_;
    learned_stacks learned_;
    std::uint64_t last_death_ns_ = 0;
    unsigned all_processes_ = 1;
    unsigned programs_ = 0;
    unsigned to_arm_ = 0; ///< ... of which so many should have the sampler
    unsigned armed_ = 0;  ///< ... and have it
    unsigned without_clock_ = 0;
    std::uint64_t events_lost_ = 0;
    std::uint64_t with_callers_ = 0;
    struct timed {
        std::uint64_t ticks;
        const sampled_thread* thread;
        const std::vector<code_place>* stack; ///< of the thread's map
    };
    const std::size_t most_timed_;
    std::deque<timed> timeline_;
    std::uint64_t timeline_lost_ = 0;
};

} // namespace nmisim::exec
