// SPDX-License-Identifier: MIT
//
// Does single-stepping work here? Tested once per process: a window of known length is stepped in a child
// process and its boundaries are counted. valgrind and emulators deliver no trap; a debugger takes it
// away.
#include "base/clock.hpp"
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"
#include "explore/watch/thread_state.hpp"

#include <fstream>

#include <unistd.h>

namespace nmisim::explore {

namespace {

struct shared_test {
    progress alive;
    recording steps;
};

int step_known_window(void* argument)
{
    auto& shared = *static_cast<shared_test*>(argument);
    install_handlers(0, nullptr);
    stepped_thread self;
    plan p;
    p.record = &shared.steps;
    self.run(nmisim_self_test_window, p);
    return 0;
}

std::string traced_by()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("TracerPid:") && line.find_first_of("123456789") != std::string::npos)
            return " (a debugger or tracer is attached: " + line + ")";
    return {};
}

std::string try_it()
{
    if (state_of(getpid(), gettid()).letter == '?')
        return "needs /proc, which is not mounted here or hides this process: it tells which thread sleeps";
    shared_array<shared_test> shared(1);
    shared_array<std::uintptr_t> ips(64);
    shared->steps.ip = ips.data();
    shared->steps.capacity = 64;
    const child_result end =
        watch_child(start_child(step_known_window, shared.data()), shared->alive, nsec_per_sec);
    const std::uint32_t seen = shared->steps.count;
    if (end.end == child_end::finished && shared->steps.ended && seen == arch::self_test_instructions)
        return {};
    std::string why = "single-step self-test: " + std::to_string(seen) + " of " +
                      std::to_string(arch::self_test_instructions) + " boundaries seen";
    if (end.end == child_end::stuck)
        why += ", stuck";
    else if (end.end != child_end::finished)
        why += ", " + in_words(end);
    if (seen == 0)
        why += "; a single step has no effect here (valgrind, an emulator or a debugger does that)";
    return why + traced_by();
}

} // namespace

std::string mechanism_absent()
{
    static const std::string answer = try_it();
    return answer;
}

} // namespace nmisim::explore
