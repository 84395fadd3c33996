// SPDX-License-Identifier: MIT
//
// Steps by breakpoints: what the trap flag would have seen, and nothing else.
#include "explore/place/objects.hpp"
#include "explore/step/breakpoint.hpp"
#include "explore/watch/child.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <string>
#include <vector>

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace nmisim::explore;

namespace {

std::vector<std::uintptr_t> path_of(function setup, function window, method how)
{
    limits l;
    l.how = how;
    const sweep_report r = record({.name = "path", .setup = setup, .window = window, .nmi = [] {}}, l);
    INFO(to_text(r));
    CHECK(r.complete);
    std::vector<std::uintptr_t> ips;
    for (const place& p : r.boundaries)
        ips.push_back(p.ip);
    return ips;
}

volatile int sink;

[[gnu::noinline]] int of_many_kinds(int n)
{
    static int (*const volatile through)(int) = [](int x) { return x * 3; };
    int sum = 0;
    for (int i = 0; i < n; ++i) {
        if ((i & 1) != 0)
            sum += through(i);
        else
            sum -= i;
    }
    char text[40];
    __builtin_memset(text, sum, sizeof text);
    asm volatile("" : : "r"(text) : "memory");
    return sum + text[3];
}

void a_loop_and_calls()
{
    sink = of_many_kinds(7) + static_cast<int>(syscall(SYS_getppid));
}

void read_a_clock()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    sink = static_cast<int>(now.tv_nsec);
}

#if defined(__x86_64__)
// Its handler uses the function at whose end the interrupted code waits for its step.
void raise_and_go_on()
{
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    sink = 1;
}

void install_handler()
{
    std::signal(SIGUSR1, [](int) { syscall(SYS_getppid); });
}
#endif

void run_the_same_code_elsewhere()
{
    pthread_t thread;
    pthread_create(
        &thread, nullptr,
        [](void*) -> void* {
            for (;;)
                sink = of_many_kinds(100);
        },
        nullptr);
}

#if defined(__x86_64__)
volatile int beside;

[[gnu::noinline]] void work_beside()
{
    beside = beside + 1;
}

int begin_by_the_trap_flag(void*)
{
    arch::step_by_breakpoints(false);
    struct sigaction first {};
    first.sa_flags = SA_SIGINFO;
    first.sa_sigaction = [](int, siginfo_t* info, void*) { _exit(info->si_code & 0xff); };
    sigaction(SIGTRAP, &first, nullptr);
    arch::call_stepped(work_beside);
    return 0;
}

// A thread that can take no trap runs the handler again and again.
void run_deaf_beside()
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    pthread_create(
        &thread, nullptr,
        [](void*) -> void* {
            for (;;)
                work_beside();
        },
        nullptr);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void* data;

void make_data()
{
    data = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *static_cast<unsigned char*>(data) = 0xc3; // it would return
}

[[gnu::noinline]] void call_into_data()
{
    if (getpid() != 0)
        reinterpret_cast<function>(data)();
    sink = 2;
}
#endif

} // namespace

TEST_CASE("breakpoints step through the same boundaries as the trap flag")
{
    const auto by_flag = path_of(nullptr, a_loop_and_calls, method::single_step);
    CHECK(by_flag.size() > 60);
    CHECK(path_of(nullptr, a_loop_and_calls, method::automatic) == by_flag);
}

#if defined(__x86_64__)
TEST_CASE(
    "a handler that comes in between runs through the breakpoint that waits for the code it interrupted")
{
    const auto by_flag = path_of(install_handler, raise_and_go_on, method::single_step);
    CHECK(path_of(install_handler, raise_and_go_on, method::automatic) == by_flag);
}
#endif

TEST_CASE("the kernel's code in the process is stepped as any other, and swept")
{
    bool same = false; // a clock read takes one of a few paths
    for (int tries = 0; tries < 50 && !same; ++tries)
        same = path_of(nullptr, read_a_clock, method::automatic) ==
               path_of(nullptr, read_a_clock, method::single_step);
    CHECK(same);
    const sweep_report r = sweep({.name = "clock", .window = read_a_clock, .nmi = read_a_clock});
    INFO(to_text(r));
    CHECK(r.clean());
    CHECK(std::any_of(r.boundaries.begin(), r.boundaries.end(),
                      [](const place& p) { return p.object.find("vdso") != std::string::npos; }));
}

TEST_CASE(
    "where the kernel's code is, is known from a text of maps that is whole, and is looked for without one")
{
    const std::uintptr_t vdso = getauxval(AT_SYSINFO_EHDR); // 0: there is none
    const std::string whole = maps_of(getpid());
    for (const std::string& maps : {whole, whole.substr(0, whole.find('\n') + 9), std::string()}) {
        CAPTURE(maps);
        prepare_breakpoints(maps);
        CHECK(is_in_vdso(vdso) == (vdso != 0));
    }
}

TEST_CASE("the bytes of an instruction are those that are there, up to where its mapping ends")
{
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    auto* const code = static_cast<unsigned char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(code != MAP_FAILED);
    for (std::size_t i = 0; i < page; ++i)
        code[i] = static_cast<unsigned char>(0x40 | (i & 0xf));
    REQUIRE(mprotect(code, page, PROT_READ | PROT_EXEC) == 0);
    REQUIRE(mprotect(code + page, page, PROT_NONE) == 0);
    prepare_breakpoints(maps_of(getpid()));
    for (std::size_t n = 1; n <= 20; ++n) {
        CAPTURE(n);
        const unsigned char* const from = code + page - n;
        const code_bytes c = original_code_at(reinterpret_cast<std::uintptr_t>(from));
        CHECK(c.size == std::min(n, c.byte.size()));
        CHECK(std::equal(c.byte.begin(), c.byte.begin() + c.size, from));
    }
    munmap(code, 2 * page);
}

TEST_CASE("where there is no code any more none is read")
{
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const code = mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(code != MAP_FAILED);
    const auto at = reinterpret_cast<std::uintptr_t>(code);
    prepare_breakpoints(fmt::format("{:x}-{:x} r-xp 00000000 00:00 0\n", at, at + page));
    CHECK(original_instruction_at(at).size != 0);
    munmap(code, page);
    prepare_breakpoints("1000-2000 rw-p 00000000 00:00 0\n"); // less than before
    CHECK(original_instruction_at(at).size == 0);
}

#if defined(__x86_64__)
TEST_CASE("where steps are not made by breakpoints a run begins by the trap flag")
{
    CHECK(wait_child(start_child(begin_by_the_trap_flag, nullptr)).code == TRAP_TRACE);
}

TEST_CASE("a handler of plain instructions is audited without a breakpoint in it")
{
    for (int i = 0; i < 20; ++i) {
        const audit_report r = audit("handler", work_beside, run_deaf_beside);
        INFO(to_text(r));
        REQUIRE(r.complete);
        CHECK(r.steps >= 2);
    }
}
#endif

TEST_CASE("another thread in the same code is not stepped, and lives")
{
    const auto by_flag = path_of(nullptr, a_loop_and_calls, method::single_step);
    for (int i = 0; i < 5; ++i)
        CHECK(path_of(run_the_same_code_elsewhere, a_loop_and_calls, method::automatic) == by_flag);
}

#if defined(__x86_64__)
TEST_CASE("a call into data crashes as it would: no breakpoint makes its page executable")
{
    limits l;
    const sweep_report r = record({.name = "data",
                                   .setup = make_data,
                                   .window =
                                       [] {
                                           static int runs = 0;
                                           if (++runs != 1) // not in the first one, which is not stepped
                                               call_into_data();
                                       },
                                   .nmi = [] {}},
                                  l);
    INFO(to_text(r));
    CHECK(r.incomplete == "while recording: killed by SIGSEGV");
}

namespace {

// vaesenc of 256 bits: newer than the disassembler.
[[gnu::noinline]] void newer_instruction()
{
    asm volatile(".byte 0xc4, 0xe2, 0x7d, 0xdc, 0xc1" : : : "xmm0");
}

} // namespace

namespace {

extern "C" int nmisim_test_runs;
extern "C" void nmisim_test_shorter_from_the_third_run();
int nmisim_test_runs;

// All runs make the same instructions; from the third one on, the first `ret` leaves the window.
asm(R"(
    .text
    .type nmisim_test_shorter_from_the_third_run, @function
nmisim_test_shorter_from_the_third_run:
    .cfi_startproc
    incl nmisim_test_runs(%rip)
    leaq 1f(%rip), %rax
    movq %rax, -8(%rsp)
    leaq -8(%rsp), %rcx
    cmpl $2, nmisim_test_runs(%rip)
    cmovg %rsp, %rcx
    movq %rcx, %rsp
    ret
1:  ret
    .cfi_endproc
    .size nmisim_test_shorter_from_the_third_run, . - nmisim_test_shorter_from_the_third_run
)");

long own_system_call(long nr, long a, long b, long c, long d)
{
    register long r10 asm("r10") = d;
    asm volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return nr;
}

std::atomic<int> stop;
int pipe_ends[2];

// As libc's own code does where a thread ends: a breakpoint there is the end of the process.
void* run_the_same_code_with_signals_blocked(void*)
{
    const std::uint64_t all = ~std::uint64_t{0};
    own_system_call(SYS_rt_sigprocmask, SIG_BLOCK, reinterpret_cast<long>(&all), 0, sizeof all);
    own_system_call(SYS_write, pipe_ends[1], reinterpret_cast<long>("x"), 1, 0);
    while (stop == 0)
        of_many_kinds(100);
    return nullptr;
}

void make_a_thread()
{
    stop = 0;
    pthread_t thread;
    pthread_create(&thread, nullptr, run_the_same_code_with_signals_blocked, nullptr);
    char begun = 0;
    sink = static_cast<int>(read(pipe_ends[0], &begun, 1));
    sink = of_many_kinds(100);
    stop = 1;
    pthread_join(thread, nullptr);
}

} // namespace

TEST_CASE("behind a call that makes a thread no breakpoint is in that thread's way")
{
    limits l;
    const sweep_report r = record(
        {.name = "thread", .setup = [] { sink = pipe(pipe_ends); }, .window = make_a_thread, .nmi = [] {}},
        l);
    INFO(to_text(r));
    CHECK(r.complete);
}

TEST_CASE("a recording that begins like a shorter run is made again")
{
    const auto path =
        path_of([] { nmisim_test_runs = 0; }, nmisim_test_shorter_from_the_third_run, method::automatic);
    CHECK(path.size() == 8);
}

TEST_CASE("an instruction that the second opinion does not know makes the report incomplete")
{
    if (__builtin_cpu_supports("avx2") == 0)
        return;
    const sweep_report r = sweep({.name = "new", .window = newer_instruction, .nmi = [] {}});
    INFO(to_text(r));
    if (r.boundaries.empty()) // this processor does not have it
        return;
    CHECK(r.incomplete.find("decoder and disassembler do not agree") != std::string::npos);
    CHECK(exit_code(r) == 1);
}
#endif
