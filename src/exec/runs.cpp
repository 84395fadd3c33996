// SPDX-License-Identifier: MIT
#include "exec/runs.hpp"

#include "base/clock.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/resource.h>
#include <sys/wait.h>

namespace nmisim::exec {

namespace {

/// Of the children that have been waited for.
std::uint64_t children_cpu_ns() noexcept
{
    rusage u{};
    getrusage(RUSAGE_CHILDREN, &u);
    const auto ns = [](const timeval& t) {
        return static_cast<std::uint64_t>(t.tv_sec) * nsec_per_sec +
               static_cast<std::uint64_t>(t.tv_usec) * 1000;
    };
    return ns(u.ru_utime) + ns(u.ru_stime);
}

} // namespace

command command_of(const exec_config& c, const wake_ups& w)
{
    return {c.argv, c.stdin_file, w.mask_before()};
}

stop_watch::stop_watch() noexcept : start_ns_(now_ns()), cpu_ns_(children_cpu_ns()) {}

void stop_watch::put_into(outcome& o) const noexcept
{
    o.elapsed_ns = now_ns() - start_ns_;
    o.cpu_ns = children_cpu_ns() - cpu_ns_;
}

plain_run run_plain(const exec_config& c, std::uint64_t timeout_ns, wake_ups& w)
{
    constexpr std::uint64_t look_again_ns = 100'000'000;
    plain_run run;
    const stop_watch watch;
    launched l(command_of(c, w), 0);
    run.error = l.why_not().error;
    const std::uint64_t deadline = now_ns() + timeout_ns;
    bool others = c.waits == wait_for::all;
    bool main_ended = false;
    while (true) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);
        if (pid == l.pid()) {
            run.what.status = status;
            main_ended = true;
        }
        if ((main_ended && !others) || (pid < 0 && errno == ECHILD))
            break;
        if (pid > 0)
            continue;
        if (w.stop_signal() != 0 || now_ns() >= deadline)
            break;
        w.wait(std::min(deadline, now_ns() + look_again_ns));
    }
    run.what.hang = w.stop_signal() == 0 && now_ns() >= deadline && (!main_ended || others);
    watch.put_into(run.what);
    if (!main_ended)
        kill(l.pid(), SIGKILL);
    l.output.finish();
    end_children();
    run.what.out = l.output.taken[0];
    run.what.err = l.output.taken[1];
    take_files(run.what, c.compared);
    return run;
}

traced_run run_traced(const exec_config& c, const trace_options& how, strategy& s, wake_ups& w)
{
    traced_run run;
    const stop_watch watch;
    launched l(command_of(c, w), how.signal);
    run.end = supervisor(l, how, s, w).run();
    watch.put_into(run.what);
    run.what.status = run.end.status;
    run.what.hang = run.end.hang;
    run.what.out = l.output.taken[0];
    run.what.err = l.output.taken[1];
    take_files(run.what, c.compared);
    return run;
}

} // namespace nmisim::exec
