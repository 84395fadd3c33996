// SPDX-License-Identifier: MIT
//
// Steps by breakpoints: what the trap flag would have seen, and nothing else.
#include "explore/place/objects.hpp"
#include "explore/step/breakpoint.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

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
