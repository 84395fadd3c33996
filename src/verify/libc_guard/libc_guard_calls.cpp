// SPDX-License-Identifier: MIT
//
// Interposed in the executable: mutexes and stdio. Each checks its context, then does what it was called for.
#include "verify/libc_guard/libc_guard.hpp"

#include <cstdarg>
#include <cstdio>
#include <dlfcn.h>
#include <pthread.h>

namespace {

/// The function behind ours. Looked up before main, while there is one thread; a call before that (a constructor's) looks up
/// itself.
template <class Function>
struct real_function {
    const char* name;
    Function* found = nullptr;

    Function* look_up() const noexcept { return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name)); }
    Function* get() const noexcept { return found != nullptr ? found : look_up(); }
};
constinit real_function<int(pthread_mutex_t*)> real_lock{"pthread_mutex_lock"};
constinit real_function<int(pthread_mutex_t*)> real_unlock{"pthread_mutex_unlock"};
constinit real_function<int(const char*)> real_puts{"puts"};
constinit real_function<std::size_t(const void*, std::size_t, std::size_t, std::FILE*)> real_fwrite{"fwrite"};

[[gnu::constructor]] void announce()
{
    real_lock.found = real_lock.look_up();
    real_unlock.found = real_unlock.look_up();
    real_puts.found = real_puts.look_up();
    real_fwrite.found = real_fwrite.look_up();
    nmisim::libc_guard_is_here();
}

} // namespace

#define GUARD(name) nmisim::libc_guard_report(name " calls in NMI context", __builtin_return_address(0))

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept
{
    GUARD("pthread_mutex_lock");
    return real_lock.get()(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept
{
    GUARD("pthread_mutex_unlock");
    return real_unlock.get()(mutex);
}

int puts(const char* text)
{
    GUARD("puts");
    return real_puts.get()(text);
}

std::size_t fwrite(const void* data, std::size_t size, std::size_t n, std::FILE* file)
{
    GUARD("fwrite");
    return real_fwrite.get()(data, size, n, file);
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
