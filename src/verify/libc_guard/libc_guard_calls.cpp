// SPDX-License-Identifier: MIT
//
// Interposed in the executable: mutexes and stdio. Each checks its context, then does what it was called for.
#include "verify/libc_guard/libc_guard.hpp"

#include <cstdarg>
#include <cstdio>
#include <dlfcn.h>
#include <pthread.h>

namespace {

template <class F>
F next(const char* name) noexcept
{
    return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

using mutex_function = int (*)(pthread_mutex_t*);
using puts_function = int (*)(const char*);
using fwrite_function = std::size_t (*)(const void*, std::size_t, std::size_t, std::FILE*);

// Looked up before main, while there is one thread; a call before that (a constructor's) looks up itself.
mutex_function real_lock;
mutex_function real_unlock;
puts_function real_puts;
fwrite_function real_fwrite;

[[gnu::constructor]] void announce()
{
    real_lock = next<mutex_function>("pthread_mutex_lock");
    real_unlock = next<mutex_function>("pthread_mutex_unlock");
    real_puts = next<puts_function>("puts");
    real_fwrite = next<fwrite_function>("fwrite");
    nmisim::libc_guard_is_here();
}

} // namespace

#define GUARD(name) nmisim::libc_guard_report(name " calls in NMI context", __builtin_return_address(0))

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept
{
    GUARD("pthread_mutex_lock");
    return (real_lock != nullptr ? real_lock : next<mutex_function>("pthread_mutex_lock"))(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept
{
    GUARD("pthread_mutex_unlock");
    return (real_unlock != nullptr ? real_unlock : next<mutex_function>("pthread_mutex_unlock"))(mutex);
}

int puts(const char* text)
{
    GUARD("puts");
    return (real_puts != nullptr ? real_puts : next<puts_function>("puts"))(text);
}

std::size_t fwrite(const void* data, std::size_t size, std::size_t n, std::FILE* file)
{
    GUARD("fwrite");
    return (real_fwrite != nullptr ? real_fwrite : next<fwrite_function>("fwrite"))(data, size, n, file);
}

int printf(const char* format, ...)
{
    GUARD("printf");
    va_list arguments;
    va_start(arguments, format);
    const int n = std::vprintf(format, arguments);
    va_end(arguments);
    return n;
}

int fprintf(std::FILE* file, const char* format, ...)
{
    GUARD("fprintf");
    va_list arguments;
    va_start(arguments, format);
    const int n = std::vfprintf(file, format, arguments);
    va_end(arguments);
    return n;
}

} // extern "C"
