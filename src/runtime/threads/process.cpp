// SPDX-License-Identifier: MIT
#include "runtime/threads/process.hpp"

#include "runtime/threads/attach.hpp"
#include "runtime/threads/outsider.hpp"

#include <cerrno>
#include <cstdlib>
#include <dirent.h>

namespace nmisim::runtime {
namespace {

/// Somebody calls thread_begins() in this program.
std::atomic<bool> threads_are_told{false};

void count(attaching what, int error, process_threads& pass) noexcept
{
    switch (what) {
    case attaching::done: ++pass.attached; break;
    case attaching::already: ++pass.already; break;
    case attaching::ended: ++pass.ended; break;
    case attaching::failed:
        ++pass.failed;
        pass.error = error;
        break;
    }
}

/// Each thread that is listed, once.
process_threads look_once(interrupt_state& state, std::uint64_t opening,
                          const attach_options& options) noexcept
{
    process_threads pass;
    DIR* const folder = opendir("/proc/self/task");
    if (folder == nullptr) {
        pass.error = errno;
        return pass;
    }
    while (const dirent* const entry = readdir(folder))
        if (const int tid = std::atoi(entry->d_name); tid > 0) {
            int error = 0;
            const attaching what = attach_from_outside(state, opening, tid, options, error);
            count(what, error, pass);
        }
    closedir(folder);
    return pass;
}

/// False on a closed interrupt.
bool wish(interrupt_state& state, std::uint64_t opening, const attach_options& options) noexcept
{
    const control_section section;
    if (!is_open(state, opening))
        return false;
    state.for_process = options;
    state.whole_process.store(true, std::memory_order_relaxed); // looked at again under the lock
    return true;
}

} // namespace

process_threads attach_process(interrupt_state& state, std::uint64_t opening,
                               const attach_options& options) noexcept
{
    process_threads sum;
    if (!wish(state, opening, options)) {
        sum.error = ECANCELED;
        return sum;
    }
    settle_ended(state);
    // Threads start others while the list is read, and the kernel's list may skip one when another one ends.
    constexpr int most_looks = 100;
    for (int look = 0; look < most_looks; ++look) {
        const process_threads pass = look_once(state, opening, options);
        if (look == 0)
            sum.already = pass.already;
        sum.attached += pass.attached;
        sum.ended += pass.ended;
        sum.failed = pass.failed;
        sum.error = pass.error;
        if (pass.attached == 0)
            break;
    }
    sum.later_ones = threads_are_told.load(std::memory_order_relaxed); // a flag
    return sum;
}

void thread_begins() noexcept
{
    threads_are_told.store(true, std::memory_order_relaxed); // a flag
    for (int signo = 1; signo < signals; ++signo) {
        interrupt_state* const state = state_of(signo);
        if (state == nullptr ||
            !state->whole_process.load(std::memory_order_relaxed)) // looked at again below
            continue;
        const control_section section;
        if (!state->whole_process.load(std::memory_order_relaxed)) // written under the lock
            continue;
        int error = 0;
        if (attach_self(*state, state->for_process, error) == attaching::failed)
            state->begun_unattached.fetch_add(1, std::memory_order_relaxed); // for the books
    }
}

} // namespace nmisim::runtime
