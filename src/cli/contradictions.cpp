// SPDX-License-Identifier: MIT
#include "cli/contradictions.hpp"

#include "cli/usage_error.hpp"
#include "verify/chain_side.hpp"
#include "verify/widen.hpp"

#include <fmt/format.h>

namespace nmisim::cli {

namespace {

void check_fault(const run_config& run)
{
    if (const std::string_view why = not_on_a_chain(run.fault); run.chain > 0 && !why.empty())
        throw usage_error(
            fmt::format("--fault {} cannot be shown with --chain: {}", name_of(run.fault), why));
    if (const std::string why = contradicted(run); !why.empty())
        throw usage_error(fmt::format("--fault {} cannot be shown: {}", name_of(run.fault), why));
}

/// Refuses what needs the clock reads that --no-latency leaves out.
void check_latency_is_measured(const settings& s)
{
    if (s.run.machine.measure_latency)
        return;
    if (!s.trace_file.empty())
        throw usage_error("--trace needs the times that --no-latency leaves out");
    for (const threshold& t : s.fail_if)
        for (const std::string_view measured : {"latency.", "handler.", "irq-latency.", "irq-handler."})
            if (t.of->name.starts_with(measured))
                throw usage_error(
                    fmt::format("--fail-if '{}' needs the latency that --no-latency leaves out", t.text));
}

} // namespace

void check_contradictions(const settings& s)
{
    check_fault(s.run);
    check_latency_is_measured(s);
}

} // namespace nmisim::cli
