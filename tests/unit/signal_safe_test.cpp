// SPDX-License-Identifier: MIT
//
// The table of what a signal handler may call, name by name.
#include "support/catch2.hpp"

#include "explore/place/signal_safe.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

using namespace nmisim::explore;

namespace {

// As the table of signal-safety(7) has them, top to bottom; aio_suspend is missing, see its deviations.
const char* const manual_page =
    "abort accept access aio_error aio_return alarm bind cfgetispeed cfgetospeed cfsetispeed cfsetospeed "
    "chdir "
    "chmod chown clock_gettime close connect creat dup dup2 execl execle execv execve _exit _Exit faccessat "
    "fchdir "
    "fchmod fchmodat fchown fchownat fcntl fdatasync fexecve ffs fork fstat fstatat fsync ftruncate futimens "
    "getegid geteuid getgid getgroups getpeername getpgrp getpid getppid getsockname getsockopt getuid htonl "
    "htons "
    "kill link linkat listen longjmp lseek lstat memccpy memchr memcmp memcpy memmove memset mkdir mkdirat "
    "mkfifo "
    "mkfifoat mknod mknodat ntohl ntohs open openat pause pipe poll posix_trace_event pselect pthread_kill "
    "pthread_self pthread_sigmask raise read readlink readlinkat recv recvfrom recvmsg rename renameat rmdir "
    "select "
    "sem_post send sendmsg sendto setgid setpgid setsid setsockopt setuid shutdown sigaction sigaddset "
    "sigdelset "
    "sigemptyset sigfillset sigismember siglongjmp signal sigpause sigpending sigprocmask sigqueue sigset "
    "sigsuspend sleep sockatmark socket socketpair stat stpcpy stpncpy strcat strchr strcmp strcpy strcspn "
    "strlen "
    "strncat strncmp strncpy strnlen strpbrk strrchr strspn strstr strtok_r symlink symlinkat tcdrain tcflow "
    "tcflush tcgetattr tcgetpgrp tcsendbreak tcsetattr tcsetpgrp time timer_getoverrun timer_gettime "
    "timer_settime "
    "times umask uname unlink unlinkat utime utimensat utimes wait waitpid wcpcpy wcpncpy wcscat wcschr "
    "wcscmp "
    "wcscpy wcscspn wcslen wcsncat wcsncmp wcsncpy wcsnlen wcspbrk wcsrchr wcsspn wcsstr wcstok wmemchr "
    "wmemcmp "
    "wmemcpy wmemmove wmemset write";

const char* const added_in_2024 = "_Fork accept4 dup3 pipe2 ppoll strlcpy strlcat wcslcpy wcslcat";

const char* const forms =
    "__libc_current_sigrtmin __libc_current_sigrtmax open64 openat64 creat64 fcntl64 lseek64 fstat64 stat64 "
    "lstat64 "
    "fstatat64 ftruncate64 __open_2 __open64_2 __openat_2 __openat64_2 __xstat __fxstat64 __memcpy_chk "
    "__memmove_chk "
    "__memset_chk __strcpy_chk __stpcpy_chk __strcat_chk __strncpy_chk __read_chk __recv_chk __recvfrom_chk "
    "__readlink_chk __readlinkat_chk __poll_chk __ppoll_chk __longjmp_chk __fdelt_chk __getgroups_chk "
    "__wmemcpy_chk __errno_location __sigsetjmp __libc_fork __sigaction __GI___sigprocmask __write";

const char* const unsafe =
    "malloc free calloc realloc aligned_alloc posix_memalign memalign __libc_malloc __libc_free "
    "__libc_memalign _Znwm "
    "_ZnamRKSt9nothrow_t _ZdlPvm _ZdaPv strdup strndup asprintf pthread_mutex_lock pthread_mutex_trylock "
    "__pthread_mutex_lock ___pthread_mutex_lock __GI___pthread_mutex_unlock pthread_rwlock_rdlock "
    "pthread_cond_wait "
    "pthread_spin_lock pthread_once sem_wait mtx_lock call_once __cxa_throw __cxa_allocate_exception "
    "__cxa_begin_catch "
    "_Unwind_RaiseException __cxa_guard_acquire printf __printf_chk __vfprintf_chk puts _IO_puts fopen "
    "fopen64 fclose "
    "snprintf __snprintf_chk exit quick_exit aio_suspend dlopen dlsym dl_iterate_phdr backtrace syslog "
    "localtime "
    "urcu_bp_register urcu_memb_synchronize_rcu urcu_qsbr_synchronize_rcu __assert_fail __tls_get_addr";

const char* const unknown =
    "strtok exec execvp execlp s strerror readdir sendfile timegm sigh wait3 openpty mem 64 _chk __ __chk _ "
    "kill64 "
    "getpid64 write_chk write_2 __write_2 readx xread memcpy2 forkpty usleep64 _abort pipes waitp "
    "mallocator my_malloc freelist printfish pthread_mutexes sem_waiting exit_now urcu_synchronize";

std::vector<std::string> words(const char* text)
{
    std::istringstream in(text);
    std::vector<std::string> all;
    for (std::string one; in >> one;)
        all.push_back(one);
    return all;
}

} // namespace

TEST_CASE("each function of the manual page's table is safe, and says whose word that is")
{
    for (const std::string& name : words(manual_page)) {
        INFO(name);
        CHECK(safe_by(name).starts_with("signal-safety(7)"));
        CHECK(known_unsafe(name).empty());
    }
    for (const std::string& name : words(added_in_2024)) {
        INFO(name);
        CHECK(safe_by(name).starts_with("POSIX.1-2024"));
    }
}

TEST_CASE("the forms that libc and its headers make of safe functions are safe")
{
    for (const std::string& name : words(forms)) {
        INFO(name);
        CHECK(is_signal_safe(name));
        CHECK(known_unsafe(name).empty());
    }
}

TEST_CASE("what allocates, locks, throws, prints or loads has its reason, and is not safe")
{
    for (const std::string& name : words(unsafe)) {
        INFO(name);
        CHECK_FALSE(known_unsafe(name).empty());
        CHECK_FALSE(is_signal_safe(name));
    }
}

TEST_CASE("a name that only looks like one of the table is neither safe nor known")
{
    for (const std::string& name : words(unknown)) {
        INFO(name);
        CHECK_FALSE(is_signal_safe(name));
        CHECK(known_unsafe(name).empty());
    }
    CHECK_FALSE(is_signal_safe(""));
    CHECK_FALSE(is_signal_safe(" "));
    CHECK_FALSE(is_signal_safe("read write"));
}

TEST_CASE("no beginning and no lengthening of a safe name is safe, unless the table has it")
{
    const std::vector<std::string>& all = signal_safe_names();
    const auto listed = [&](const std::string& name) {
        return std::find(all.begin(), all.end(), name) != all.end();
    };
    CHECK(all.size() > 200);
    for (const std::string& name : all) {
        INFO(name);
        for (std::size_t length = 1; length < name.size(); ++length)
            if (!listed(name.substr(0, length)) && !name.starts_with("__"))
                CHECK_FALSE(is_signal_safe(name.substr(0, length)));
        for (const char* more : {"x", "_r", "_l", "at2"})
            if (!listed(name + more))
                CHECK_FALSE(is_signal_safe(name + more));
        if (!listed("x" + name))
            CHECK_FALSE(is_signal_safe("x" + name));
    }
}

TEST_CASE("what allocates only at times is told where the handler calls it, and below by what it calls")
{
    CHECK_FALSE(known_unsafe("snprintf").empty());
    CHECK(known_unsafe("snprintf", how_deep::anywhere).empty());
    CHECK_FALSE(known_unsafe("malloc", how_deep::anywhere).empty());
}
