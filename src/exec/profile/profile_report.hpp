// SPDX-License-Identifier: MIT
//
// What a profile has found, as plain data for text and JSON.
#pragma once

#include "exec/outcome.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nmisim::exec {

/// What became of the samples, and of their buffers.
struct sample_counts {
    std::uint64_t taken = 0;
    std::uint64_t no_room = 0; ///< the buffer was full
    std::uint64_t cut_off = 0; ///< their process was killed while it wrote them
    std::uint64_t gave_up = 0; ///< era after era was over
    std::uint64_t swaps = 0;
    std::uint64_t drained = 0; ///< buffers
    unsigned eras = 1;

    std::uint64_t lost() const noexcept { return no_room + cut_off + gave_up; }
};

/// A function that samples were in.
struct profiled_function {
    std::string function; ///< empty: the file has no name there
    std::string object;   ///< file name; "[anon]": code made at run time; empty: not known
    std::uint64_t self = 0;
    std::uint64_t total = 0; ///< with what it called
};

struct profiled_thread {
    std::string path; ///< "0.1/2"
    std::string exe;
    std::string name;
    std::uint64_t samples = 0;
    std::vector<profiled_function> functions; ///< most first
};

/// Samples with the same stack.
struct profiled_stack {
    std::string process;                ///< path and name of its program
    std::vector<std::string> functions; ///< outermost first
    std::uint64_t samples = 0;
};

struct timed_sample {
    std::uint64_t at_ns; ///< since the command's start
    std::uint32_t stack; ///< of profile_found::timeline_stacks
};
/// The samples of one thread, in the order of time.
struct profiled_timeline {
    std::string path;
    std::string exe;
    std::string name;
    std::vector<timed_sample> samples;
};

struct profile_found {
    bool asked = false;
    outcome what;
    sample_counts counts;
    std::uint64_t period_ns = 0;
    int refused =
        0; ///< errno of perf_event_open: a timer in each program was the clock; 0: it was not needed
    std::uint64_t with_callers = 0; ///< samples of more than one frame
    unsigned processes = 0;
    unsigned threads = 0;
    unsigned programs = 0;      ///< that were executed
    unsigned unarmed = 0;       ///< ... and could not be given the sampler
    unsigned without_clock = 0; ///< threads that ended before theirs was there
    unsigned left_behind = 0;   ///< processes that outlived the command
    std::uint64_t events_lost = 0;
    std::vector<profiled_function> functions;
    std::vector<profiled_thread> by_thread; ///< that have samples, most first
    std::vector<profiled_stack> by_stack;
    std::vector<profiled_timeline> timelines;              ///< if asked for
    std::vector<std::vector<std::string>> timeline_stacks; ///< functions, outermost first
    std::uint64_t timeline_lost = 0;                       ///< samples, older than those that are kept
};

} // namespace nmisim::exec
