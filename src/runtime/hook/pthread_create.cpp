// SPDX-License-Identifier: MIT
//
// A pthread_create() in front of the C library's, for programs that want their later threads attached: each new thread
// calls nmisim_thread_begins() first. It is a library of its own, nmisim-threads, to be linked or preloaded (LD_PRELOAD),
// and nobody gets it unasked.
//
// Not seen: threads of thrd_create(3) and of the C library itself, which call it inside, and of clone(2). A fully static
// program has no next function to call: there the threads call nmisim_thread_begins() themselves.
#include "nmisim/nmisim.h"

#include <atomic>
#include <cerrno>
#include <dlfcn.h>
#include <new>
#include <pthread.h>

namespace {

using start_routine = void* (*)(void*);
using create_function = int (*)(pthread_t*, const pthread_attr_t*, start_routine, void*);

/// What a thread is to do after our call.
struct beginning {
    start_routine routine;
    void* argument;
};

/// Not noexcept: pthread_exit() and cancellation unwind through it.
void* begin(void* from_creator)
{
    auto* const given = static_cast<beginning*>(from_creator);
    const beginning copy = *given;
    delete given;
    nmisim_thread_begins();
    return copy.routine(copy.argument);
}

/// The C library's, or that of whoever interposes behind us. May be asked for before our constructors.
create_function next() noexcept
{
    static constinit std::atomic<create_function> known{nullptr};
    create_function found = known.load(std::memory_order_relaxed); // the same for all
    if (found == nullptr) {
        found = reinterpret_cast<create_function>(dlsym(RTLD_NEXT, "pthread_create"));
        known.store(found, std::memory_order_relaxed); // as above
    }
    return found;
}

/// So that attach_process() can say that later threads attach, before there is one.
[[gnu::constructor]] void announce() noexcept
{
    nmisim_thread_begins();
}

} // namespace

extern "C" NMISIM_API int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                         start_routine routine, void* argument) noexcept
{
    const create_function create = next();
    auto* const given = new (std::nothrow) beginning{routine, argument};
    if (create == nullptr || given == nullptr) {
        delete given;
        return EAGAIN;
    }
    const int error = create(thread, attributes, begin, given);
    if (error != 0)
        delete given;
    return error;
}
