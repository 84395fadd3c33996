// SPDX-License-Identifier: MIT
#include "cli/options/contradictions.hpp"

#include "base/shown_text.hpp"
#include "cli/options/option_table.hpp"
#include "cli/options/usage_error.hpp"
#include "report/output_file.hpp"
#include "verify/widen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <string>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace nmisim::cli {

namespace {

void check_fault(const run_config& run)
{
    if (const std::string_view why = info_of(run.fault).not_on_a_chain; run.chain > 0 && !why.empty())
        throw usage_error("--fault {} cannot be shown with --chain: {}", name_of(run.fault), why);
    if (const std::string why = contradicted(run); !why.empty())
        throw usage_error("--fault {} cannot be shown: {}", name_of(run.fault), why);
}

void check_trace(const settings& s)
{
    if (s.trace_file.empty())
        return;
    if (!s.run.machine.measure_latency)
        throw usage_error("--trace needs the times that --no-latency leaves out");
    if (info_of(s.run.fault).widened_by.nested_nmis)
        throw usage_error("--trace is for NMIs that do not nest, and --fault {} runs with NMIs that do",
                          name_of(s.run.fault));
    if (s.run.machine.nesting != nesting::blocked)
        throw usage_error("--trace is for NMIs that do not nest: leave out --nesting {}",
                          name_of(s.run.machine.nesting));
}

/// Which option makes the run measure `of`; empty if it is measured. A condition on what is never measured would hold
/// in each run ("not measured") or in none (a count that stays 0), and either way say nothing.
std::string_view missing_for(std::string_view of, const run_config& run)
{
    const auto is_one_of = [of](std::initializer_list<std::string_view> starts) {
        return std::any_of(starts.begin(), starts.end(), [of](auto start) { return of.starts_with(start); });
    };
    const bool irqs = run.machine.irqs > 0 || info_of(run.fault).widened_by.irqs;
    const bool hotplug = run.onoff || info_of(run.fault).widened_by.hotplug;
    const auto has_source = [&run](source_kind kind) {
        return std::find(run.sources.begin(), run.sources.end(), kind) != run.sources.end();
    };
    const bool injector = !run.inject.rate_max && has_source(source_kind::sigqueue);
    const bool stamped = has_source(source_kind::sigqueue) || has_source(source_kind::ipi);
    if (is_one_of({"irq-"}) && !irqs)
        return "--irqs";
    if (is_one_of({"latency.", "handler.", "irq-latency.", "irq-handler."}) && !run.machine.measure_latency)
        return "the latency that --no-latency leaves out";
    if (is_one_of({"latency."}) && !stamped)
        return "--source sigqueue or ipi: when the others' NMIs were due is not known";
    if (is_one_of({"cpu-down.", "cpu-up.", "offlined", "onlined"}) && !hotplug)
        return "--onoff-interval";
    if (is_one_of({"gp.", "swap."}) && !run.swap)
        return "swaps, and so another --swap-interval than 'never'";
    if (is_one_of({"injector."}) && !injector)
        return "--source sigqueue with a --rate in NMIs per second";
    if (is_one_of({"samples-lost", "profile-error"}) && run.handler != handler_kind::profile)
        return "--handler profile";
    if (is_one_of({"profile-error"}) && run.machine.workload != workload::split)
        return "--workload split";
    if (is_one_of({"long-handlers"}) && run.nmi_longest_ns == 0)
        return "--nmi-longest";
    return {};
}

void check_thresholds(const settings& s)
{
    for (const threshold& t : s.fail_if)
        if (const std::string_view missing = missing_for(t.of->name, s.run); !missing.empty())
            throw usage_error("--fail-if '{}' needs {}", shown(t.text), missing);
}

struct named_file {
    std::string_view option;
    const std::string& path;
};

/// Where writing to `path` ends up; /dev/stdout and the like are written to one after the other, and have no place.
std::string place_of(const std::string& path)
{
    namespace fs = std::filesystem;
    std::error_code none;
    if (path.empty() || is_written_in_place(path))
        return {};
    const fs::path place = fs::weakly_canonical(fs::absolute(file_behind(path), none), none);
    return place.empty() ? path : place.string();
}

/// By any name. Devices may have several writers: nothing is mixed in /dev/null.
bool is_standard_output(const std::string& path)
{
    struct stat there {};
    struct stat here {};
    return !path.empty() && stat(path.c_str(), &there) == 0 && fstat(STDOUT_FILENO, &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino && !S_ISCHR(here.st_mode);
}

bool was_set(const settings& s, std::string_view name)
{
    const option_spec& option = *find_option(name);
    return std::any_of(s.given.begin(), s.given.end(), [&](const auto& g) {
        return g.first == name && (option.is_flag() ? g.second == "true" : g.second != option.fallback);
    });
}

} // namespace

void check_output_files(const settings& s)
{
    const named_file files[] = {{"config", s.config_file}, {"output", s.output_file},
                                {"report", s.report_file}, {"trace", s.trace_file},
                                {"folded", s.folded_file}, {"svg", s.svg_file}};
    for (const named_file& file : files)
        if (s.json && is_standard_output(file.path))
            throw usage_error("--{} {} would be mixed with what --json prints: name a file", file.option,
                              shown(file.path));
    for (const named_file* second = std::begin(files); second != std::end(files); ++second)
        for (const named_file* first = std::begin(files); first != second; ++first)
            if (const std::string place = place_of(first->path);
                !place.empty() && place == place_of(second->path))
                throw usage_error("--{} {} would overwrite --{} {}: name two files", second->option,
                                  shown(second->path), first->option, shown(first->path));
}

void check_contradictions(const settings& s)
{
    check_fault(s.run);
    check_trace(s);
    check_thresholds(s);
    check_output_files(s);
}

std::vector<std::string> ineffective_options(const settings& s)
{
    const run_config& run = s.run;
    struct rule {
        std::string_view option;
        bool has_effect;
        std::string_view needs;
    };
    const rule rules[] = {
        {"irq-rate", run.machine.irqs > 0 || info_of(run.fault).widened_by.irqs, "--irqs"},
        {"max-in-flight", run.machine.delivery == delivery::queue, "--delivery queue"},
        {"trace-limit", !s.trace_file.empty() || !s.report_file.empty(), "--trace or --report"},
        {"reclaim", run.swap, "swaps, and --swap-interval is never"},
        {"controller", run.swap, "swaps, and --swap-interval is never"},
        {"histogram", !s.json && s.verbosity != verbosity::quiet,
         "the whole text, which --quiet and --json leave out"},
        {"verbose", !s.json && s.verbosity == verbosity::verbose,
         "the whole text, which --quiet and --json leave out"},
        {"quiet", s.verbosity == verbosity::quiet, "to come last: --verbose came later"},
    };
    std::vector<std::string> notes;
    for (const std::string& file : s.configs_not_read)
        notes.push_back(fmt::format("--config {} is not read: --config {} came later", shown(file),
                                    shown(s.config_file)));
    for (const rule& r : rules)
        if (!r.has_effect && was_set(s, r.option))
            notes.push_back(fmt::format("--{} has no effect here: it needs {}", r.option, r.needs));
    if (run.machine.cpus == 1 &&
        std::find(run.sources.begin(), run.sources.end(), source_kind::ipi) != run.sources.end())
        notes.emplace_back("--source ipi on one vCPU sends only from vCPU 0 to itself: no IPI is remote");
    if (run.machine.workload == workload::irqoff && run.machine.irqs == 0 &&
        !info_of(run.fault).widened_by.irqs)
        notes.emplace_back("--workload irqoff keeps nothing off here: it needs --irqs");
    return notes;
}

} // namespace nmisim::cli
