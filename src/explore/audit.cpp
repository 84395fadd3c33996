// SPDX-License-Identifier: MIT
//
// The purity audit. A handler is stepped once in a child process, for the first time, so that what happens only then
// (lazy binding, thread-local storage, static objects) is seen as well. Every call is looked at, in every object. The
// handler's own object may call only listed functions of other objects. A function known to allocate, lock or throw is
// reported at any depth; what it calls in turn is not reported again.
#include "base/clock.hpp"
#include "explore/place/decode_check.hpp"
#include "explore/place/judged_calls.hpp"
#include "explore/place/objects.hpp"
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <sys/syscall.h>

namespace nmisim::explore {

namespace {

constexpr std::uint32_t most_steps = 400'000; // a throw takes some 26 000

struct shared_audit {
    progress alive;
    recording steps;
    shared_maps maps; ///< with what `setup` has loaded
};

struct audit_job {
    function handler;
    function setup;
    bool by_breakpoints;
    shared_audit* shared;
};

int step_handler(void* argument)
{
    const audit_job& j = *static_cast<audit_job*>(argument);
    call(j.setup);
    j.shared->maps.take();
    install_handlers(0, nullptr, nullptr, 0, j.shared->maps.view());
    arch::step_by_breakpoints(j.by_breakpoints);
    stepped_thread self;
    plan p;
    p.record = &j.shared->steps;
    self.run(j.handler, p);
    j.shared->maps.take(); // the handler may have loaded something, too
    return 0;
}

// The signal that this call raises, 0: it is none that does.
long raised_by(const last_call& c) noexcept
{
    switch (c.nr) {
    case SYS_kill:
    case SYS_tkill:
    case SYS_rt_sigqueueinfo: return c.arg[1];
    case SYS_tgkill:
    case SYS_rt_tgsigqueueinfo: return c.arg[2];
    default: return 0;
    }
}

// How the handler itself has ended the process, in words. Empty: it has not.
std::string end_by_handler(const child_result& end, const recording& steps)
{
    const last_call& c = steps.last;
    const std::uint32_t since = steps.count - c.before;
    if (end.end == child_end::crashed && raised_by(c) == end.code && since <= 1)
        return "ends the process by " + describe_signal(end.code);
    const bool exited = end.end == child_end::finished || end.end == child_end::failed;
    if (!exited || since != 0)
        return {};
    if (c.nr == SYS_exit_group || c.nr == SYS_exit)
        return "ends the process, exit code " + std::to_string(end.code);
    if (c.nr == SYS_execve || c.nr == SYS_execveat)
        return "becomes another program";
    return {};
}

std::string why_incomplete(const child_result& end, const shared_audit& seen)
{
    if (seen.steps.count == 0)
        return "the handler was not reached: " + in_words(end);
    if (end.end == child_end::crashed)
        return "the handler was killed by " + describe_signal(end.code);
    if (end.end == child_end::stuck)
        return end.state;
    if (seen.maps.size == 0)
        return "which objects are loaded is not known: the audit needs /proc/self/maps";
    if (seen.steps.overflow)
        return "more than " + std::to_string(most_steps) + " instructions";
    return "stepping ended before the handler did";
}

} // namespace

audit_report audit(const char* name, explored handler, explored setup,
                   const std::vector<std::string>& allowed, const limits& within)
{
    const std::uint64_t start = now_ns();
    audit_report r;
    r.name = name;
    r.absent = mechanism_absent();
    if (!r.absent.empty())
        return r;
    shared_array<shared_audit> shared(1);
    recording& steps = shared->steps;
    const shared_boundaries boundaries(steps, most_steps);
    shared_array<std::uintptr_t> stack_pointers(most_steps);
    steps.sp = stack_pointers.data();
    steps.alive = &shared->alive.runs;
    audit_job job{handler, setup, within.how == method::automatic && can_check_decoding(), shared.data()};
    const child_result end = watch_child(start_child(step_handler, &job), shared->alive, within.watchdog_ns);
    r.entries = judged_calls(steps, shared->maps.view(), {.allowed = allowed}).entries;
    r.steps = steps.count;
    r.ends = end_by_handler(end, steps);
    // Without the mappings no function is another object's.
    r.complete = steps.count != 0 && shared->maps.size != 0 && (steps.ended || !r.ends.empty());
    if (!r.complete)
        r.incomplete = why_incomplete(end, *shared.data());
    places names(shared->maps.view());
    if (const std::string why = decoded_wrongly(steps, names); r.complete && !why.empty()) {
        r.complete = false;
        r.incomplete = why;
    }
    r.elapsed_ns = now_ns() - start;
    return r;
}

} // namespace nmisim::explore
