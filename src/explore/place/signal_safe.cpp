// SPDX-License-Identifier: MIT
#include "explore/place/signal_safe.hpp"

#include <array>

namespace nmisim::explore {

namespace {

// POSIX.1-2017, 2.4.3. Each name between two spaces.
constexpr std::string_view posix =
    " _Exit _exit abort accept access aio_error aio_return aio_suspend alarm bind cfgetispeed cfgetospeed "
    " cfsetispeed cfsetospeed chdir chmod chown clock_gettime close connect creat dup dup2 execl execle "
    " execv execve faccessat fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fexecve ffs fork "
    " fstat fstatat fsync ftruncate futimens getegid geteuid getgid getgroups getpeername getpgrp getpid "
    " getppid getsockname getsockopt getuid htonl htons kill link linkat listen longjmp lseek lstat "
    " memccpy memchr memcmp memcpy memmove memset mkdir mkdirat mkfifo mkfifoat mknod mknodat ntohl ntohs "
    " open openat pause pipe poll posix_trace_event pselect pthread_kill pthread_self pthread_sigmask "
    " raise read readlink readlinkat recv recvfrom recvmsg rename renameat rmdir select sem_post send "
    " sendmsg sendto setgid setpgid setsid setsockopt setuid shutdown sigaction sigaddset sigdelset "
    " sigemptyset sigfillset sigismember siglongjmp signal sigpause sigpending sigprocmask sigqueue "
    " sigset sigsuspend sleep sockatmark socket socketpair stat stpcpy stpncpy strcat strchr strcmp "
    " strcpy strcspn strlen strncat strncmp strncpy strnlen strpbrk strrchr strspn strstr strtok_r "
    " symlink symlinkat tcdrain tcflow tcflush tcgetattr tcgetpgrp tcsendbreak tcsetattr tcsetpgrp time "
    " timer_getoverrun timer_gettime timer_settime times umask uname unlink unlinkat utime utimensat "
    " utimes wait waitpid wcpcpy wcpncpy wcscat wcschr wcscmp wcscpy wcscspn wcslen wcsncat wcsncmp "
    " wcsncpy wcsnlen wcspbrk wcsrchr wcsspn wcsstr wcstok wmemchr wmemcmp wmemcpy wmemmove wmemset write ";

// A system call and nothing else, or reads of the thread's own state; glibc's and liburcu's own.
constexpr std::string_view also =
    " __errno_location __memcpy_chk __memmove_chk __memset_chk __rseq_size compat_futex_async getcpu "
    " gettid pthread_sigqueue sched_getcpu sched_yield syscall urcu_bp_read_lock urcu_bp_read_unlock "
    " urcu_mb_read_lock urcu_mb_read_unlock urcu_memb_read_lock urcu_memb_read_unlock "
    " urcu_qsbr_quiescent_state urcu_qsbr_read_lock urcu_qsbr_read_unlock urcu_qsbr_thread_offline "
    " urcu_qsbr_thread_online ";

struct reason {
    std::string_view function; ///< a name, or the start of one with '*'
    std::string_view why;
};
constexpr std::string_view allocates =
    "allocates: the interrupted code may hold the heap's lock or be inside it";
constexpr std::string_view locks = "takes a lock that the interrupted code may hold";
constexpr std::string_view throws = "C++ exceptions allocate and lock";
constexpr std::string_view stdio = "stdio locks its stream and allocates buffers";
constexpr std::string_view guards = "first use of a static object takes a lock";
constexpr std::array wrong{
    reason{"malloc", allocates},
    reason{"free", allocates},
    reason{"calloc", allocates},
    reason{"realloc", allocates},
    reason{"aligned_alloc", allocates},
    reason{"posix_memalign", allocates},
    reason{"operator new*", allocates},
    reason{"operator delete*", allocates},
    reason{"_Znwm*", allocates},
    reason{"_Znam*", allocates},
    reason{"_ZdlPv*", allocates},
    reason{"_ZdaPv*", allocates},
    reason{"strdup", allocates},
    reason{"pthread_mutex_*", locks},
    reason{"pthread_rwlock_*", locks},
    reason{"pthread_spin_lock", locks},
    reason{"pthread_cond_*", locks},
    reason{"sem_wait", locks},
    reason{"__cxa_throw", throws},
    reason{"__cxa_allocate_exception", throws},
    reason{"__cxa_rethrow", throws},
    reason{"_Unwind_*", throws},
    reason{"__cxa_guard_acquire", guards},
    reason{"printf", stdio},
    reason{"fprintf", stdio},
    reason{"vfprintf", stdio},
    reason{"__printf_chk", stdio},
    reason{"__fprintf_chk", stdio},
    reason{"puts", stdio},
    reason{"fputs", stdio},
    reason{"fwrite", stdio},
    reason{"putchar", stdio},
    reason{"fflush", stdio},
    reason{"__tls_get_addr",
           "first use of thread-local storage allocates; build with -ftls-model=initial-exec"},
    reason{"urcu_bp_register*", "registers the thread with RCU: mutex and mmap"},
    reason{"urcu_*_synchronize_rcu", "waits for a grace period, and so for the interrupted reader"},
    reason{"dlopen", "enters the dynamic loader"},
    reason{"dlsym", "enters the dynamic loader"}};

bool matches(std::string_view pattern, std::string_view name) noexcept
{
    const std::size_t star = pattern.find('*');
    if (star == pattern.npos)
        return pattern == name;
    const std::string_view tail = pattern.substr(star + 1);
    return name.starts_with(pattern.substr(0, star)) && name.size() >= pattern.size() - 1 &&
           name.ends_with(tail);
}

} // namespace

bool is_signal_safe(std::string_view function) noexcept
{
    for (const std::string_view list : {posix, also})
        for (std::size_t at = list.find(function); at != list.npos; at = list.find(function, at + 1))
            if (!function.empty() && list[at - 1] == ' ' && list[at + function.size()] == ' ')
                return true;
    return false;
}

std::string_view known_unsafe(std::string_view function) noexcept
{
    for (const reason& r : wrong)
        if (matches(r.function, function))
            return r.why;
    return {};
}

} // namespace nmisim::explore
