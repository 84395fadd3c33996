// SPDX-License-Identifier: MIT
//
// Each system call that a signal can interrupt, once, in a function of its own, so that a report can name it. What it waits for
// comes from a child, long after it has begun to wait.
#pragma once

#include "fixtures.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <unistd.h>

namespace fixture {

inline constexpr double a_moment = 0.03;
inline constexpr std::size_t much = std::size_t{8} << 20;
extern char one_byte;
extern std::vector<char> bytes;

/// Runs `then` in a child after a moment.
template <class Then>
pid_t later(Then then)
{
    const pid_t child = fork();
    if (child == 0) {
        sleep_on(a_moment);
        then();
        _exit(0);
    }
    return child;
}

inline std::string outcome(long result, long whole)
{
    return result < 0 && errno == EINTR ? "EINTR"
           : result < 0                 ? "error " + std::to_string(errno)
           : result < whole             ? "short"
                                        : "whole";
}

struct one_call {
    const char* name; ///< nullptr: the end
    std::string (*make)();
};
extern const one_call calls_of_files[];

} // namespace fixture
