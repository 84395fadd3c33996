#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NMI context calls nothing async-signal-unsafe: looks at what the object files of src/nmi need from outside.

Everything that is not defined in the given archives must be on SAFE; a name in FORBIDDEN is reported with its reason. Of
`--below` archives (layers that NMI context calls into) only the objects that are really reached are looked at, so
that a call hidden one layer down is found, with the path that leads to it.
"""
import collections
import pathlib
import re
import subprocess

import lint

# Most telling first. Matched against the demangled name from its beginning, up to a `(`, `@` or the end.
FORBIDDEN = [
    (r"operator new|operator delete|(malloc|calloc|realloc|free|posix_memalign|aligned_alloc|memalign|strdup)$",
     "allocates or frees: the NMI may have interrupted the allocator"),
    (r"pthread_(mutex|cond|rwlock|spin|barrier)_|sem_(wait|timedwait)|std::(mutex|condition_variable|__throw_system)|mtx_",
     "takes a lock: the interrupted thread may hold it"),
    (r"__cxa_guard_", "initialises a static under a lock; make it constinit or namespace scope"),
    (r"__cxa_(throw|rethrow|allocate_exception|begin_catch|end_catch|bad_)|_Unwind_|std::__throw_",
     "throws or catches: that allocates; mark it noexcept or find another way"),
    (r"__cxa_(thread_)?atexit|__tls_init|TLS (init|wrapper) function", "thread-local with a dynamic initialiser"),
    (r"__tls_get_addr|__emutls_get_address", "thread-local through the loader: use the initial-exec model"),
    (r"(v?f?printf|v?s?n?printf|puts|fputs|putchar|fwrite|fread|fopen|fclose|fflush|perror|stdout|stderr|stdin|__\w+_chk_?io)$"
     r"|__v?f?s?n?printf_chk|std::(ios_base|basic_(o|i)?stream|basic_ostream|cout|cerr|clog|__ostream_insert)|std::operator<<|fmt::",
     "stdio, iostream or {fmt}: locks and allocates; use base/message_line.hpp"),
    (r"std::__cxx11::basic_string|std::basic_string|std::locale", "std::string allocates"),
    (r"dl(open|sym|close|error|addr|_iterate_phdr|info)$|_dl_", "the dynamic loader takes its lock"),
    (r"pthread_(create|join|cancel|exit|key_create|setspecific|once)$|std::thread|std::call_once|__pthread_key_create",
     "creates, ends or first-uses thread state"),
    (r"(v?syslog|openlog|localtime|localtime_r|gmtime|strerror|strerror_r|getenv|setenv|exit|atexit|backtrace\w*|rand|usleep|sleep|nanosleep)$",
     "is not async-signal-safe, or sleeps"),
    (r"urcu_[a-z]+_(synchronize_rcu|call_rcu|barrier|register_thread|unregister_thread|defer_\w+)$",
     "waits for a grace period or takes liburcu's registry lock: refused in NMI context"),
    (r"__dynamic_cast|std::type_info|typeinfo for std", "run-time type information walks the loader's data"),
]
SAFE = re.compile(
    # man 7 signal-safety, as far as this project needs it, and what the compiler itself calls.
    r"(abort|_exit|write|read|close|raise|kill|getpid|gettid|clock_gettime|time|sigaction|sigprocmask|pthread_sigmask"
    r"|pthread_self|pthread_kill|pthread_equal|sigemptyset|sigfillset|sigaddset|sigdelset|sigismember|sem_post|poll"
    r"|mem(cpy|move|set|cmp|chr)|__mem(cpy|move|set)_chk|str(len|cmp|ncmp|chr|rchr|nlen)|__errno_location|syscall"
    # sigqueue(3) and pthread_sigqueue(3): not on the list of POSIX, but a single system call in glibc.
    r"|sigqueue|pthread_sigqueue|__libc_current_sigrt(min|max)"
    # Plain loads in glibc and musl: of the thread's own block; of the CPU's number (rseq, or the vDSO's getcpu).
    r"|pthread_getspecific|sched_getcpu"
    # std::terminate of a noexcept function: ends the program, as BUG_ON does.
    r"|std::terminate\(\)|__cxa_call_terminate|__cxa_pure_virtual"
    r"|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(u|)divti3|__(u|)modti3|__aarch64_\w+|_ITM_\w+|__gmon_start__|__dso_handle"
    # Tables of a class, no code.
    r"|vtable for __cxxabiv1::.*"
    # Named in the unwind table of every function that holds a noexcept or a destructor; runs only while unwinding.
    r"|__gxx_personality_v0"
    # libunwind(3), "Thread- and signal-safety": what unwinds the calling thread itself is signal-safe.
    r"|_U(L?)(x86_64|aarch64)_(getcontext|init_local2?|step|get_reg)"
    # The inline bp reader registers a thread that is not; a vCPU is, before its first NMI.
    r"|urcu_bp_register"
    # liburcu's reader state and read side; urcu_*_gp is its grace-period counter and futex.
    r"|urcu_(memb|mb|bp|qsbr)_(reader|gp|has_sys_membarrier|read_lock|read_unlock|read_ongoing|quiescent_state|thread_offline"
    r"|thread_online)|rcu_(reader|gp)\w*|compat_futex_(no)?async|urcu_posix_assert_fail|__assert_fail)$")


class Object:
    def __init__(self, name):
        self.name, self.defines, self.needs = name, set(), set()


def read_archive(nm, path):
    listing = subprocess.run([nm, "--demangle", "--print-file-name", "--format=posix", str(path)],
                             capture_output=True, text=True, check=True).stdout
    objects = collections.OrderedDict()
    for line in listing.splitlines():
        match = re.match(r"(.*?\.o)\]?: (.*?) ([A-Za-z])(?: [0-9a-f]*)*\s*$", line)
        if not match:
            continue
        name = re.split(r"[\[/]", match.group(1))[-1]
        item = objects.setdefault(match.group(1), Object(f"{pathlib.Path(path).stem.removeprefix('lib')}/{name}"))
        (item.needs if match.group(3) in "Uw" else item.defines).add(match.group(2))
    return list(objects.values())


def verdict(symbol):
    name = symbol.split("@")[0]
    for pattern, reason in FORBIDDEN:
        if re.match(pattern, name):
            return reason
    if SAFE.match(name):
        return None
    return "is not known to be safe: if man 7 signal-safety agrees, add it to SAFE in this check"


def check(arguments, findings):
    own = [o for path in arguments.archive for o in read_archive(arguments.nm, path)]
    below = [o for path in arguments.below for o in read_archive(arguments.nm, path)]
    definer = {}
    for item in below + own:
        for symbol in item.defines:
            definer[symbol] = item
    reached = {item: item.name for item in own}
    queue, told = collections.deque(own), set()
    while queue:
        item = queue.popleft()
        for symbol in sorted(item.needs - item.defines):
            provider = definer.get(symbol)
            if provider is None:
                reason = verdict(symbol)
                if reason and (item.name, symbol) not in told:
                    told.add((item.name, symbol))
                    findings.append(f"{reached[item]}: {symbol} {reason}")
            elif provider not in reached:
                reached[provider] = f"{reached[item]} -> {provider.name}"
                queue.append(provider)
    print("objects: " + ", ".join(item.name for item in reached))
    return len(own)


def arguments_of(parser):
    parser.add_argument("archive", nargs="+", help="static library of the code that runs in NMI context")
    parser.add_argument("--below", nargs="*", default=[], help="static libraries it may call into")
    parser.add_argument("--nm", default="nm")


lint.main(check, __doc__, arguments_of)
