// SPDX-License-Identifier: MIT
//
// What a run of the program costs, as its parent process sees it: CPU time of a million NMIs with every check on, the
// greatest memory, and the time from exec to exit beyond the duration that was asked for: loading, vCPUs online, drain,
// offline, report.
#include "base/clock.hpp"
#include "nmisim/flavor.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace nmisim::bench {
namespace {

struct program_run {
    std::string output;
    rusage used{};
    double resident_kib = 0; ///< at most, until it began to write its report
    std::uint64_t wall_ns = 0;
};

/// Not ru_maxrss: that is at least what the parent had when it called exec.
double high_water_kib(pid_t pid)
{
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            return std::strtod(line.c_str() + 6, nullptr);
    throw std::runtime_error("cost: the program was gone before it could be looked at");
}

program_run run_program(std::vector<std::string> arguments)
{
    arguments.insert(arguments.begin(), NMISIM_PROGRAM);
    std::vector<char*> argv;
    for (std::string& a : arguments)
        argv.push_back(a.data());
    argv.push_back(nullptr);
    int ends[2];
    if (pipe(ends) != 0)
        throw std::runtime_error("cost: no pipe");
    // less than the report: its writer is there until the rest has been read
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    program_run r;
    const std::uint64_t begin_ns = now_ns();
    pid_t pid = 0;
    const int error = posix_spawn(&pid, NMISIM_PROGRAM, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char buffer[1024];
    for (ssize_t n; error == 0 && (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
        if (r.output.empty())
            r.resident_kib = high_water_kib(pid);
        r.output.append(buffer, static_cast<std::size_t>(n));
    }
    close(ends[0]);
    int status = -1;
    if (error != 0 || wait4(pid, &status, 0, &r.used) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        throw std::runtime_error(std::string("cost: ") + NMISIM_PROGRAM + " did not end with exit code 0");
    r.wall_ns = now_ns() - begin_ns;
    return r;
}

double cpu_s(const rusage& used)
{
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// The machine's total, the first of that name in the report.
double handled_in(const std::string& json)
{
    const std::string key = "\"handled\": ";
    const std::size_t at = json.find(key);
    const double handled = at == std::string::npos ? 0 : std::strtod(json.c_str() + at + key.size(), nullptr);
    if (handled <= 0)
        throw std::runtime_error("cost: nothing was handled");
    return handled;
}

void cost(benchmark::State& state, flavor f)
{
    const std::string name(name_of(f));
    for (auto _ : state) {
        try {
            const program_run full =
                run_program({"--quiet", "--json", "--flavor", name, "--rate", "max", "--duration", "300ms"});
            const program_run brief = run_program({"--quiet", "--json", "--flavor", name, "--rate", "10k",
                                                   "--swap-interval", "1ms", "--duration", "20ms"});
            state.counters["cpu_s_per_million"] = 1e6 * cpu_s(full.used) / handled_in(full.output);
            state.counters["resident_kib"] = full.resident_kib;
            state.counters["start_and_end_ms"] = static_cast<double>(brief.wall_ns) / 1e6 - 20;
        } catch (const std::exception& e) {
            state.SkipWithError(e.what());
        }
    }
}

} // namespace

void register_cost()
{
    for (const flavor f : all_flavors)
        with_spread(benchmark::RegisterBenchmark(("cost/" + std::string(name_of(f))).c_str(),
                                                 [f](benchmark::State& s) { cost(s, f); }))
            ->Iterations(1)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
}

} // namespace nmisim::bench
