// SPDX-License-Identifier: MIT
#include "observe/job_tables.hpp"

#include "observe/units.hpp"

#include <fmt/format.h>

namespace nmisim {
namespace {

std::string duration_table(const run_report& r)
{
    if (r.config.nmi_longest_ns == 0)
        return {};
    const duration_report& d = r.long_handlers;
    std::string text = fmt::format("Long handlers   {} took at least {}", count_text(d.too_long),
                                   exact_time_text(r.config.nmi_longest_ns));
    if (d.too_long != 0)
        text +=
            fmt::format("; longest {}, {} of it on the CPU", time_text(d.max_ns), time_text(d.max_cpu_ns));
    return text + "\n\n";
}

} // namespace

std::string job_tables(const run_report& r)
{
    return duration_table(r);
}

} // namespace nmisim
