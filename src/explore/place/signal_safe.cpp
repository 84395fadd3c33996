// SPDX-License-Identifier: MIT
#include "explore/place/signal_safe.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace nmisim::explore {

namespace {

struct source {
    std::string_view by;
    std::string_view names; ///< with spaces between them
};

// POSIX.1-2024 has withdrawn fork (its handlers may do anything), sigpause, sigset, utime and the tracing
// functions; signal-safety(7) has them, and glibc's are what they were. aio_suspend is on both lists and not here:
// see below.
constexpr std::array safe{
    source{
        "signal-safety(7), POSIX.1-2017",
        "_Exit _exit abort accept access aio_error aio_return alarm bind cfgetispeed cfgetospeed cfsetispeed "
        "cfsetospeed chdir chmod chown clock_gettime close connect creat dup dup2 execl execle execv execve "
        "faccessat fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fexecve ffs fork fstat fstatat "
        "fsync "
        "ftruncate futimens getegid geteuid getgid getgroups getpeername getpgrp getpid getppid getsockname "
        "getsockopt getuid htonl htons kill link linkat listen longjmp lseek lstat memccpy memchr memcmp "
        "memcpy "
        "memmove memset mkdir mkdirat mkfifo mkfifoat mknod mknodat ntohl ntohs open openat pause pipe poll "
        "posix_trace_event pselect pthread_kill pthread_self pthread_sigmask raise read readlink readlinkat "
        "recv "
        "recvfrom recvmsg rename renameat rmdir select sem_post send sendmsg sendto setgid setpgid setsid "
        "setsockopt setuid shutdown sigaction sigaddset sigdelset sigemptyset sigfillset sigismember "
        "siglongjmp "
        "signal sigpause sigpending sigprocmask sigqueue sigset sigsuspend sleep sockatmark socket "
        "socketpair "
        "stat stpcpy stpncpy strcat strchr strcmp strcpy strcspn strlen strncat strncmp strncpy strnlen "
        "strpbrk "
        "strrchr strspn strstr strtok_r symlink symlinkat tcdrain tcflow tcflush tcgetattr tcgetpgrp "
        "tcsendbreak "
        "tcsetattr tcsetpgrp time timer_getoverrun timer_gettime timer_settime times umask uname unlink "
        "unlinkat "
        "utime utimensat utimes wait waitpid wcpcpy wcpncpy wcscat wcschr wcscmp wcscpy wcscspn wcslen "
        "wcsncat "
        "wcsncmp wcsncpy wcsnlen wcspbrk wcsrchr wcsspn wcsstr wcstok wmemchr wmemcmp wmemcpy wmemmove "
        "wmemset "
        "write"},
    source{"POSIX.1-2024, added; a system call, or reads and writes of its arguments, in glibc",
           "_Fork accept4 dup3 ffsl ffsll memmem pipe2 ppoll strlcat strlcpy wcslcat wcslcpy"},
    // <signal.h>'s SIGRTMIN and SIGRTMAX, errno, FD_SET, sigsetjmp, CMSG_NXTHDR; and what stat was before glibc 2.33.
    source{"glibc: what its headers make of macros and of functions that are on the list",
           "__open_2 __open64_2 __openat_2 __openat64_2 __errno_location __libc_current_sigrtmax "
           "__libc_current_sigrtmin __fdelt_chk __fdelt_warn "
           "__cmsg_nxthdr _setjmp setjmp __sigsetjmp __rseq_size __xstat __fxstat __lxstat "
           "__fxstatat __xmknod __xmknodat __xpg_sigpause __sysv_signal bsd_signal mempcpy bcmp bcopy bzero "
           "explicit_bzero "
           "__rawmemchr rawmemchr strchrnul"},
    source{"glibc: a system call and nothing else",
           "getcpu gettid pthread_sigqueue sched_getcpu sched_yield syscall tgkill membarrier"},
    source{"libgcc: arithmetic and atomic operations that the compiler calls",
           "__divti3 __modti3 __udivti3 __umodti3 __udivmodti4 __multi3 __popcountdi2 __paritydi2 __clzdi2 "
           "__ctzdi2 __bswapdi2 __ashlti3 __ashrti3 __lshrti3"},
    source{"liburcu: its read side",
           "compat_futex_async urcu_bp_read_lock urcu_bp_read_unlock urcu_mb_read_lock urcu_mb_read_unlock "
           "urcu_memb_read_lock urcu_memb_read_unlock urcu_qsbr_quiescent_state urcu_qsbr_read_lock "
           "urcu_qsbr_read_unlock urcu_qsbr_thread_offline urcu_qsbr_thread_online"},
};

struct reason {
    std::string_view why;
    std::string_view names; ///< a name, or the start of one with '*'
    bool always = true;     ///< false: only at times, and then by calling one of the others
};
constexpr std::array wrong{
    reason{
        "allocates: the interrupted code may hold the heap's lock or be inside it",
        "malloc free calloc realloc reallocarray aligned_alloc posix_memalign memalign valloc pvalloc cfree "
        "malloc_trim mallinfo mallinfo2 _Znw* _Zna* _Zdl* _Zda* strdup strndup wcsdup "
        "asprintf vasprintf getline getdelim realpath canonicalize_file_name get_current_dir_name "
        "opendir fdopendir closedir scandir glob regcomp getaddrinfo freeaddrinfo setlocale newlocale "
        "iconv_open "
        "je_malloc je_free je_calloc je_realloc mi_malloc mi_free mi_calloc mi_realloc tc_malloc tc_free "
        "tc_calloc tc_realloc"},
    reason{
        "takes a lock that the interrupted code may hold",
        "pthread_mutex_* pthread_rwlock_* pthread_spin_lock pthread_spin_trylock pthread_cond_* "
        "pthread_barrier_wait pthread_once pthread_create pthread_join pthread_cancel pthread_exit "
        "pthread_key_create pthread_setspecific pthread_atfork sem_wait sem_timedwait sem_clockwait sem_open "
        "mtx_lock mtx_timedlock mtx_trylock mtx_unlock cnd_wait cnd_timedwait cnd_signal cnd_broadcast "
        "call_once thrd_create thrd_join flockfile ftrylockfile rand random srand srandom setenv putenv "
        "unsetenv clearenv syslog vsyslog openlog closelog localtime localtime_r gmtime ctime ctime_r mktime "
        "tzset strftime atexit on_exit __cxa_atexit __cxa_thread_atexit __cxa_thread_atexit_impl "
        "at_quick_exit "
        "__lll_lock_wait __lll_lock_wait_private getpwnam getpwuid getgrnam getgrgid gethostbyname"},
    reason{"POSIX has it on its list, but glibc's takes a mutex (signal-safety(7), deviations)",
           "aio_suspend"},
    reason{"C++ exceptions allocate and lock",
           "__cxa_throw __cxa_allocate_exception __cxa_free_exception __cxa_rethrow __cxa_begin_catch "
           "__cxa_end_catch __cxa_get_globals __cxa_allocate_dependent_exception _Unwind_* "
           "_ZSt17rethrow_exception*"},
    reason{"stdio locks its stream and allocates buffers",
           "printf fprintf vprintf vfprintf dprintf vdprintf puts fputs fputc putc putchar fwrite fread "
           "fgets fgetc "
           "getc getchar ungetc scanf fscanf sscanf vfscanf vsscanf fflush fopen fdopen freopen fclose fseek "
           "fseeko "
           "ftell ftello rewind setvbuf setbuf perror psignal psiginfo popen pclose tmpfile open_memstream "
           "fmemopen wprintf fwprintf fputws fputwc putwc "
           "_ZNSo* _ZSt16__ostream_insert* _ZNSi* _ZSt4endl*"},
    reason{"the printf family may allocate, and reads the locale",
           "sprintf snprintf vsprintf vsnprintf swprintf", false},
    reason{"runs what was registered by atexit and the destructors of static objects, and flushes stdio; "
           "_exit does not",
           "exit quick_exit"},
    reason{"prints by stdio before it aborts", "__assert_fail __assert_perror_fail __assert"},
    reason{"first use of a static object takes a lock", "__cxa_guard_acquire"},
    reason{"first use of thread-local storage allocates; build with -ftls-model=initial-exec",
           "__tls_get_addr __emutls_get_address", false},
    reason{"registers the thread with RCU: mutex and mmap", "urcu_bp_register*"},
    reason{"waits for a grace period, and so for the interrupted reader", "urcu_*_synchronize_rcu"},
    reason{"enters the dynamic loader, which locks and allocates",
           "dlopen dlmopen dlclose dlsym dlvsym dlerror dladdr dladdr1 dlinfo dl_iterate_phdr backtrace "
           "backtrace_symbols backtrace_symbols_fd"},
};

template <class Use>
void for_each_name(std::string_view names, const Use& use)
{
    while (!names.empty()) {
        const std::size_t end = std::min(names.find(' '), names.size());
        if (end != 0)
            use(names.substr(0, end));
        names.remove_prefix(std::min(end + 1, names.size()));
    }
}

bool matches(std::string_view pattern, std::string_view name) noexcept
{
    const std::size_t star = pattern.find('*');
    if (star == pattern.npos)
        return pattern == name;
    return name.size() >= pattern.size() - 1 && name.starts_with(pattern.substr(0, star)) &&
           name.ends_with(pattern.substr(star + 1));
}

const std::map<std::string_view, std::string_view>& all_safe()
{
    static const std::map<std::string_view, std::string_view> all = [] {
        std::map<std::string_view, std::string_view> by_name;
        for (const source& s : safe)
            for_each_name(s.names, [&](std::string_view name) { by_name.emplace(name, s.by); });
        return by_name;
    }();
    return all;
}

const reason* reason_of(std::string_view name)
{
    for (const reason& r : wrong) {
        bool found = false;
        for_each_name(r.names, [&](std::string_view pattern) { found = found || matches(pattern, name); });
        if (found)
            return &r;
    }
    return nullptr;
}

// The functions that the headers replace by others where files may be large.
bool has_form_for_large_files(std::string_view name)
{
    bool found = false;
    for_each_name(
        "creat fcntl fopen freopen fseeko fstat fstatat ftello ftruncate fxstat fxstatat glob lseek lstat "
        "lxstat open openat scandir stat tmpfile xstat",
        [&](std::string_view one) { found = found || one == name; });
    return found;
}

std::string_view without(std::string_view prefix, std::string_view name,
                         std::string_view suffix = {}) noexcept
{
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix))
        return {};
    return name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
}

// One step towards the plain name, or an empty text: "__GI___open64" -> "__open64" -> "open64" -> "open".
std::string_view plainer(std::string_view name)
{
    const std::string_view small = without("", name, "64");
    if (has_form_for_large_files(small) || has_form_for_large_files(without("__", small)))
        return small;
    if (const auto plain = without("__", name, "_chk"); !plain.empty())
        return plain;
    for (const std::string_view prefix : {"__GI_", "__libc_", "_IO_", "__"})
        if (const auto plain = without(prefix, name); !plain.empty())
            return plain.starts_with("_pthread_") ? plain.substr(1) : plain;
    return {};
}

} // namespace

std::vector<std::string> forms_of(std::string_view function)
{
    std::vector<std::string> forms;
    for (std::string_view name = function; !name.empty(); name = plainer(name))
        forms.emplace_back(name);
    return forms;
}

std::string_view safe_by(std::string_view function)
{
    for (const std::string& name : forms_of(function))
        if (const auto found = all_safe().find(name); found != all_safe().end())
            return found->second;
    return {};
}

bool is_signal_safe(std::string_view function)
{
    return !safe_by(function).empty();
}

std::string_view known_unsafe(std::string_view function, how_deep where)
{
    for (const std::string& name : forms_of(function))
        if (const reason* r = reason_of(name))
            return r->always || where == how_deep::called_by_the_handler ? r->why : std::string_view();
    return {};
}

const std::vector<std::string>& signal_safe_names()
{
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& [name, by] : all_safe())
            all.emplace_back(name);
        return all;
    }();
    return names;
}

} // namespace nmisim::explore
