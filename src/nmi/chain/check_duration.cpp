// SPDX-License-Identifier: MIT
#include "nmi/chain/check_duration.hpp"

#include "base/message_line.hpp"
#include "nmi/default_do_nmi.hpp"

#include <ctime>
namespace nmisim {
namespace {

message_line& put_msecs(message_line& line, std::uint64_t ns) noexcept
{
    const auto us = static_cast<std::int64_t>(ns / 1000);
    return line.number(us / 1000).text(".").number(us / 100 % 10).number(us / 10 % 10).number(us % 10);
}

/// True if `ns` is a new record.
bool raise_record(duration_record& record, std::uint64_t ns, std::uint64_t cpu_ns) noexcept
{
    std::uint64_t longest = record.max_ns.load(std::memory_order_relaxed);
    do {
        if (ns < longest)
            return false;
    } while (!record.max_ns.compare_exchange_weak(longest, ns, std::memory_order_relaxed));
    record.max_cpu_ns.store(cpu_ns, std::memory_order_relaxed);
    return true;
}

} // namespace

std::uint64_t thread_cpu_ns() noexcept
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return to_ns(t);
}

void handler_stopwatch::check_duration(duration_record& record, const char* name,
                                       nmi_domain& domain) const noexcept
{
    const std::uint64_t cpu_ns = cpu_time_ ? thread_cpu_ns() - begin_cpu_ns_ : 0;
    const std::uint64_t ns = now_ns() - begin_ns_;
    if (ns < domain.nmi_longest_ns.load(std::memory_order_relaxed)) // a knob
        return;
    record.too_long.fetch_add(1, std::memory_order_relaxed);
    if (!raise_record(record, ns, cpu_ns) || !nmi_report_is_due(domain.last_duration_report_ns))
        return;
    record.reported.fetch_add(1, std::memory_order_relaxed);
    message_line line;
    line.text("nmi-sim: INFO: NMI handler (").text(name).text(") took too long to run: ");
    put_msecs(line, ns).text(" msecs");
    if (cpu_time_) {
        line.text(", ");
        put_msecs(line, cpu_ns).text(" of them on the CPU");
    }
    line.give_to(domain.message);
}

} // namespace nmisim
