// SPDX-License-Identifier: MIT
#include "audit_library.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <pthread.h>
#include <unistd.h>

// Which of the three this is comes from the build: now, lazy or no_plt.
#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define FUNCTION(name) NAMED(NMISIM_LIBRARY, name)

// A call at a function's end becomes a jump: g++ has to be asked where the build's level is below 2.
#ifdef __clang__
#define CALLS_BY_A_JUMP [[gnu::noinline]]
#else
#define CALLS_BY_A_JUMP [[gnu::noinline, gnu::optimize("O2")]]
#endif

extern "C" void* __libc_malloc(std::size_t);

namespace {

char pool[1024];
std::size_t used;
void* volatile result;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

} // namespace

extern "C" {

void FUNCTION(takes_from_a_pool)()
{
    result = pool + used;
    used = (used + 64) % sizeof pool;
}

[[gnu::noinline]] void FUNCTION(takes)(std::size_t size)
{
    result = std::malloc(size);
}

void FUNCTION(allocates)()
{
    FUNCTION(takes)(64);
    asm volatile("" ::: "memory"); // or it would be a jump
}

CALLS_BY_A_JUMP void* FUNCTION(jumps)(std::size_t size)
{
    return std::malloc(size);
}

void FUNCTION(allocates_by_a_jump)()
{
    result = FUNCTION(jumps)(64);
}

void FUNCTION(allocates_by_a_pointer)()
{
    void* (*volatile pointer)(std::size_t) = std::malloc;
    result = pointer(64);
}

void FUNCTION(allocates_by_another_name)()
{
    result = __libc_malloc(64);
}

void FUNCTION(duplicates)()
{
    result = strdup("text");
}

void FUNCTION(locks)()
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}

void FUNCTION(throws)()
{
    try {
        throw 1;
    } catch (int) {
        result = pool;
    }
}

void FUNCTION(writes)()
{
    result = pool + (write(-1, pool, 0) < 0);
}

} // extern "C"

const audit_library NAMED(library, NMISIM_LIBRARY) = {FUNCTION(takes_from_a_pool),
                                                      FUNCTION(allocates),
                                                      FUNCTION(allocates_by_a_jump),
                                                      FUNCTION(allocates_by_a_pointer),
                                                      FUNCTION(allocates_by_another_name),
                                                      FUNCTION(duplicates),
                                                      FUNCTION(locks),
                                                      FUNCTION(throws),
                                                      FUNCTION(writes)};
