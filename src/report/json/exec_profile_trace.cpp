// SPDX-License-Identifier: MIT
//
// The samples of a profile as a timeline: a row for each thread, in it a slice for as long as sample after sample was in the same
// call of a function, as far as samples tell. A thread that used no CPU time for a while has a gap.
#include "exec/exec_report.hpp"
#include "report/build_info.hpp"
#include "report/json/trace_events.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

namespace nmisim::exec {

namespace {

struct sample_slice {
    std::uint64_t at_ns;
    std::uint64_t length_ns;
    int process;
    int row;
    const std::string* function;
    std::uint64_t samples;
    std::uint64_t self;
};

/// The slices of one thread.
class thread_slices {
public:
    thread_slices(const profile_found& p, int process, int row, std::vector<sample_slice>& to)
        : found_(p), process_(process), row_(row), to_(to)
    {}

    void add(const std::vector<timed_sample>& samples)
    {
        std::uint64_t end_ns = 0; // of the one before
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const std::uint64_t at_ns = std::max(samples[i].at_ns, end_ns);
            if (at_ns > end_ns)
                close(0, end_ns);
            enter(found_.timeline_stacks[samples[i].stack], at_ns);
            const std::uint64_t next_ns =
                i + 1 < samples.size() ? std::max(samples[i + 1].at_ns, at_ns + least_ns) : ~std::uint64_t{0};
            const std::uint64_t gap = next_ns - at_ns;
            end_ns = gap <= 2 * found_.period_ns ? next_ns : at_ns + std::max(found_.period_ns, least_ns);
        }
        close(0, end_ns);
    }

private:
    struct open_slice {
        const std::string* function;
        std::uint64_t at_ns;
        std::uint64_t samples = 0;
        std::uint64_t self = 0;
    };
    /// Longer than the deepest stack, whose slices end one nanosecond apart.
    static constexpr std::uint64_t least_ns = 1000;

    void enter(const std::vector<std::string>& functions, std::uint64_t at_ns)
    {
        std::size_t same = 0;
        while (same < open_.size() && same < functions.size() && *open_[same].function == functions[same])
            ++same;
        close(same, at_ns);
        while (open_.size() < functions.size())
            open_.push_back({&functions[open_.size()], at_ns});
        for (open_slice& s : open_)
            ++s.samples;
        ++open_.back().self;
    }
    /// All that are deeper, innermost first. For viewers that add floating-point numbers, each ends a little before the one around it.
    void close(std::size_t depth, std::uint64_t end_ns)
    {
        while (open_.size() > depth) {
            const open_slice& s = open_.back();
            const std::uint64_t last_ns = end_ns - open_.size();
            to_.push_back({s.at_ns, last_ns - s.at_ns, process_, row_, s.function, s.samples, s.self});
            open_.pop_back();
        }
    }

    const profile_found& found_;
    const int process_;
    const int row_;
    std::vector<sample_slice>& to_;
    std::vector<open_slice> open_;
};

} // namespace

std::string profile_trace_json(const exec_report& r)
{
    const profile_found& p = r.profile;
    std::vector<sample_slice> slices;
    std::map<std::string, int> processes;
    std::uint64_t samples = 0;
    for (const profiled_timeline& t : p.timelines)
        samples += t.samples.size();
    trace_events events(json_value{{"tool", fmt::format("nmi-sim {}", tool_version)},
                                   {"command", fmt::format("{}", fmt::join(r.config.argv, " "))},
                                   {"zero", "the command's start"},
                                   {"period_ns", p.period_ns},
                                   {"samples", samples},
                                   {"lost", p.timeline_lost}});
    int row = 0;
    for (const profiled_timeline& t : p.timelines) {
        const std::string process = t.path.substr(0, t.path.find('/')) + " " + t.exe;
        const auto [known, is_new] = processes.try_emplace(process, static_cast<int>(processes.size()) + 1);
        if (is_new)
            events.name_process(known->second, process);
        events.name_row(known->second, ++row, t.path + " " + (t.name.empty() ? t.exe : t.name));
        thread_slices(p, known->second, row, slices).add(t.samples);
    }
    std::sort(slices.begin(), slices.end(), [](const sample_slice& a, const sample_slice& b) {
        return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : a.length_ns > b.length_ns;
    });
    for (const sample_slice& s : slices)
        events.event('X', json_escaped(*s.function), s.at_ns, s.process, s.row,
                     fmt::format(",\"dur\":{},\"args\":{{\"samples\":{},\"self\":{}}}",
                                 trace_microseconds(s.length_ns), s.samples, s.self));
    return std::move(events).text();
}

} // namespace nmisim::exec
