// SPDX-License-Identifier: MIT
//
// Exploration: instruction boundaries explored per second, one NMI each (sweep), and schedules of a map. Each
// exploration forks, with this program's threads all joined.
#include "explore/windows/windows.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <string>
#include <variant>

namespace nmisim::bench {
namespace {

void exploring(benchmark::State& state, flavor f, std::string_view window)
{
    for (auto _ : state) {
        const explore::any_report report = explore::explore_window(window, {.rcu = f});
        double explored = 0;
        double elapsed_ns = 0;
        if (const auto* s = std::get_if<explore::sweep_report>(&report)) {
            explored = static_cast<double>(s->cells.size());
            elapsed_ns = static_cast<double>(s->elapsed_ns);
        } else if (const auto* m = std::get_if<explore::map_report>(&report)) {
            explored = static_cast<double>(m->schedules);
            elapsed_ns = static_cast<double>(m->elapsed_ns);
        }
        if (explored == 0)
            state.SkipWithError("nothing was explored: the trap flag does not work here");
        state.counters["per_s"] = 1e9 * explored / elapsed_ns;
        state.counters["explored"] = explored;
    }
}

} // namespace

void register_explore()
{
    for (const flavor f : {flavor::memb, flavor::nmi})
        for (const char* window : {"do_nmi", "read", "do_nmi-map"})
            with_spread(benchmark::RegisterBenchmark(
                            (std::string("explore/") + window + "/" + std::string(name_of(f))).c_str(),
                            [f, window](benchmark::State& s) { exploring(s, f, window); }))
                ->Iterations(1)
                ->Unit(benchmark::kMillisecond)
                ->UseRealTime();
}

} // namespace nmisim::bench
