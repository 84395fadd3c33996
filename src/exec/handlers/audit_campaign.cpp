// SPDX-License-Identifier: MIT
//
// The audit of a command: one traced run in which each handler that the program's own signals reach is stepped. With a signal
// that is named and that did not come by itself, a second run, which is sent some.
#include "base/number_text.hpp"
#include "exec/comparison.hpp"
#include "exec/handlers/handler_audit.hpp"
#include "exec/handlers/signal_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace nmisim::exec {

namespace {

constexpr std::uint64_t longest_ns = 60'000'000'000;

class audit_campaign {
public:
    explicit audit_campaign(comparison& c) : c_(c)
    {
        exec_report& r = c_.report;
        r.audit = true;
        if (r.config.timeout_ns == 0)
            r.config.timeout_ns = longest_ns;
        if (r.config.signal == r.signal)
            --r.signal;
    }

    void run()
    {
        run_once(false);
        if (const int signal = c_.report.config.signal; signal != 0 && none_ran()) {
            c_.tell(fmt::format("audit, with SIG{} sent to programs that have a handler for it",
                                signal_name(signal)));
            run_once(true);
        }
        judge();
    }

private:
    bool none_ran() const
    {
        const auto& all = c_.report.handlers;
        return std::none_of(all.begin(), all.end(), [](const audited_handler& h) { return h.ran != 0; });
    }

    void run_once(bool send)
    {
        if (!send)
            c_.tell("audit");
        handler_table table(c_.report.config.allowed);
        handler_audit audit(table, c_.report.config.signal, send);
        try {
            const traced_run run = c_.traced(0, true, audit, 0);
            c_.report.audited = run.what;
            if (run.end.exec_error != 0)
                throw ended{exec_verdict::not_comparable,
                            fmt::format("cannot run {}: {}", c_.report.config.argv.front(),
                                        std::generic_category().message(run.end.exec_error))};
            if (run.end.own_handler) { // it wants the NMI's signal for itself
                --c_.report.signal;
                return run_once(send);
            }
        } catch (const ended&) {
            c_.report.handlers = table.rows();
            throw;
        }
        c_.report.handlers = table.rows();
        c_.report.signals_sent = audit.sent();
    }

    void judge()
    {
        const auto& all = c_.report.handlers;
        const auto any = [&](auto has) { return std::any_of(all.begin(), all.end(), has); };
        if (any([](const audited_handler& h) { return h.unsafe() != 0 || h.clobbers_errno(); })) {
            c_.report.verdict = exec_verdict::unsafe;
            return;
        }
        if (none_ran())
            throw ended{exec_verdict::none_ran, why_none_ran()};
        if (any([](const audited_handler& h) { return h.ran != 0 && !h.judged(); }))
            throw ended{
                exec_verdict::not_judged,
                "a handler ran whose calls cannot be told: see above. Audit a program that is not stripped"};
        c_.report.verdict = exec_verdict::safe;
    }

    std::string why_none_ran() const
    {
        const exec_report& r = c_.report;
        const std::string end = r.audited.hang ? fmt::format("; the command was ended after {} (--timeout)",
                                                             time_text(r.config.timeout_ns))
                                               : "";
        if (r.handlers.empty())
            return r.config.signal != 0
                       ? fmt::format("no program of the command has installed a handler for SIG{}{}",
                                     signal_name(r.config.signal), end)
                       : fmt::format("no program of the command has installed a handler{}", end);
        return fmt::format(
            "no handler ran: {}{}",
            r.config.signal != 0
                ? "the signal was blocked, or the command ended before it came"
                : "no signal came. Name one to have it sent, as --signal USR1, or send it in the command",
            end);
    }

    comparison& c_;
};

} // namespace

exec_report run_audit(const exec_config& c, const progress& tell)
{
    return run_campaign<audit_campaign>(c, tell, [](const exec_report&) {});
}

} // namespace nmisim::exec
