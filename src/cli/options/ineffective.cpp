// SPDX-License-Identifier: MIT
#include "cli/options/ineffective.hpp"

#include "base/shown_text.hpp"
#include "cli/options/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::cli {

namespace {

bool was_set(const settings& s, std::string_view name)
{
    const option_spec& option = *find_option(name);
    return std::any_of(s.given.begin(), s.given.end(), [&](const auto& g) {
        return g.first == name && (option.is_flag() ? g.second == "true" : g.second != option.fallback);
    });
}

} // namespace

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
