// SPDX-License-Identifier: MIT
#include "verify/jobs/profile_job.hpp"

#include "machine/machine_state.hpp"
#include "machine/workloads/split_workload.hpp"
#include "verify/symbol.hpp"

#include <algorithm>

namespace nmisim {
namespace {

constexpr std::size_t most_bytes = 256u << 20;

std::size_t most_buffers(int cpus, std::size_t room) noexcept
{
    const std::size_t bytes =
        static_cast<std::size_t>(cpus) * (room * sizeof(std::uintptr_t) + cacheline_size);
    return std::max<std::size_t>(most_bytes / bytes, 2);
}

const std::array<std::uintptr_t, split_parts> split_functions{reinterpret_cast<std::uintptr_t>(&work_60),
                                                              reinterpret_cast<std::uintptr_t>(&work_30),
                                                              reinterpret_cast<std::uintptr_t>(&work_10)};

double share(std::uint64_t part, std::uint64_t all) noexcept
{
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

/// What workload `split` meant to do, did, and was seen doing.
std::vector<split_row> split_rows(machine& m, const profile_report& profile)
{
    std::array<std::uint64_t, split_parts> times{};
    std::uint64_t all = 0;
    for (auto& cpu : internals(m).cpus)
        for (std::size_t i = 0; i < split_parts; ++i) {
            times[i] += cpu->area().split[i].read();
            all += cpu->area().split[i].read();
        }
    std::vector<split_row> rows;
    for (std::size_t i = 0; i < split_parts; ++i) {
        const auto row = std::find_if(profile.rows.begin(), profile.rows.end(),
                                      [&](const profile_row& r) { return r.start == split_functions[i]; });
        rows.push_back({std::string(split_names[i]), split_percent[i] / 100.0, share(times[i], all),
                        share(row == profile.rows.end() ? 0 : row->samples, profile.taken)});
    }
    return rows;
}

} // namespace

profile_job::profile_job(const run_config& config)
    : handler_job(timed_if_asked<profile_call>(config)), cpus_(config.machine.cpus),
      room_(config.profile_room), most_(most_buffers(cpus_, room_)), no_room_(cpus_, 0)
{}

void profile_job::built(checked_handler& h)
{
    if (free_.empty() && buffers_.size() < most_) {
        buffers_.push_back(std::make_unique<profile_buffer>(cpus_, room_));
        free_.push_back(buffers_.back().get());
    }
    h.job = &no_room_;
    if (!free_.empty()) {
        h.job = free_.back();
        free_.pop_back();
    }
}

void profile_job::reclaimed(checked_handler& h)
{
    auto* const buffer = static_cast<profile_buffer*>(h.job);
    lost_ += buffer->drain([this](std::uintptr_t ip) {
        ++samples_[ip];
        ++taken_;
    });
    ++drained_;
    if (buffer != &no_room_)
        free_.push_back(
            buffer); // h keeps the pointer: a reader that is late finds memory that is still a buffer
}

void profile_job::fill_report(machine& m, run_report& report, bool drained)
{
    if (!drained)
        return;
    profile_report& out = report.profile.emplace();
    out.taken = taken_;
    out.lost = lost_;
    out.drained = drained_;
    std::unordered_map<std::uintptr_t, std::size_t> row_of; // by where the function starts
    for (const auto& [ip, n] : samples_) {
        const code_symbol symbol = find_symbol(ip);
        const auto [at, is_new] = row_of.try_emplace(symbol.start, out.rows.size());
        if (is_new)
            out.rows.push_back({symbol.name, symbol.object, symbol.start, 0});
        out.rows[at->second].samples += n;
    }
    std::sort(out.rows.begin(), out.rows.end(), [](const profile_row& a, const profile_row& b) {
        return a.samples != b.samples ? a.samples > b.samples : a.start < b.start;
    });
    if (report.config.machine.workload == workload::split)
        out.split = split_rows(m, out);
}

} // namespace nmisim
