// SPDX-License-Identifier: MIT
//
// Programs for exec to run, each with a fault that an NMI brings to light, or with a habit that must not be taken for one:
// `exec-fixture NAME [ARGUMENT]`. What they print says how it went. Those with a fault run until an NMI has had the time
// to find it, on a loaded machine too.
#pragma once

#include <sys/types.h>

namespace fixture {

/// The words behind the name. Returns the exit status.
using program = int (*)(int argc, char** argv);

struct entry {
    const char* name;
    program run;
};
extern const entry faulty[];
extern const entry forked[];
extern const entry handlers[];
extern const entry honest[];
extern const entry often[];
extern const entry trees[];
extern const entry births[];
extern const entry single_calls[];

void say(const char* text);
double seconds();
/// Sleeps for all of it, whatever interrupts.
void sleep_on(double seconds);
/// A process that is to take NMIs lives as long.
inline constexpr double long_enough = 0.5;
/// The status of the child, whatever interrupts.
int wait_for(pid_t child);

} // namespace fixture
