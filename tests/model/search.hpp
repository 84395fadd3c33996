// SPDX-License-Identifier: MIT
//
// Runs a suite of the model in every execution within bounds, and many at random; and says what came of it.
#pragma once

#include "support/catch2.hpp"

#include "relacy_platform.hpp"

#include <cstdlib>
#include <iostream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::model {

struct outcome {
    int result = -1;
    std::string report; ///< Relacy's: number of executions, and the history of a failed one
};

struct search {
    unsigned preemptions;     ///< every execution with at most so many involuntary switches,
    unsigned long random = 0; ///< or, if not 0, so many at random
};

/// In a child process: after a finding Relacy leaves its threads, and what they hold, where they are.
template <class Suite>
outcome explore(search how)
{
    int report[2];
    REQUIRE(pipe(report) == 0);
    std::cout.flush();
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(240);
        dup2(report[1], STDOUT_FILENO);
        std::ostream nowhere(nullptr);
        rl::test_params p;
        if (how.random != 0) {
            p.search_type = rl::sched_random;
            p.iteration_count = how.random;
        } else {
            p.search_type = rl::sched_bound;
            p.context_bound = how.preemptions;
            p.iteration_count = 1'000'000'000; // it ends when all have been seen
        }
        p.progress_stream = &nowhere;
        rl::simulate<Suite>(p);
        std::cout.flush();
        _exit(p.test_result);
    }
    close(report[1]);
    outcome o;
    char buffer[4096];
    for (ssize_t n; (n = read(report[0], buffer, sizeof buffer)) > 0;)
        o.report.append(buffer, static_cast<std::size_t>(n));
    close(report[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    o.result = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

/// The number in Relacy's line "iterations: n".
inline unsigned long executions(const outcome& o)
{
    const std::size_t at = o.report.find("iterations: ");
    return at == std::string::npos ? 0 : std::strtoul(o.report.c_str() + at + 12, nullptr, 10);
}

template <class Suite>
void is_right(unsigned preemptions)
{
    const outcome o = explore<Suite>({preemptions});
    INFO(o.report);
    CHECK(o.result == rl::test_result_success);
    CHECK(executions(o) > 1000);
    std::cout << executions(o) << " executions with at most " << preemptions << " preemptions" << std::endl;
    // Stores older than the last but one, which the bounded search does not offer to a load.
    constexpr unsigned long at_random = 100'000;
    const outcome r = explore<Suite>({preemptions, at_random});
    INFO(r.report);
    CHECK(r.result == rl::test_result_success);
    CHECK(executions(r) == at_random);
}

/// The reader and the reclaim meet: a data race on the object, or its use afterwards.
template <class Suite>
void is_found_wrong(unsigned preemptions)
{
    const outcome o = explore<Suite>({preemptions});
    INFO(o.report);
    CHECK((o.result == rl::test_result_data_race || o.result == rl::test_result_user_assert_failed));
}

} // namespace nmisim::model
