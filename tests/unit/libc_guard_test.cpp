// SPDX-License-Identifier: MIT
//
// The functions that the libc guard replaces, one at a time: reported from an NMI and from an IRQ handler, by name and
// to that context's own check, and not from a task; and what a handler that still allocates gets.
#include "nmi/irq/irq.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"
#include "support/forged_nmi.hpp"
#include "verify/libc_guard/libc_guard.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <string>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace nmisim;
using nmisim::test::in_child;

namespace {

// tests/unit/meson.build: another guard, which knows malloc and free
constexpr bool sanitized = NMISIM_SANITIZED;

// Through volatile pointers: the compiler would make a puts of a printf, and nothing of a malloc and its free.
int (*volatile to_puts)(const char*) = std::puts;
std::size_t (*volatile to_fwrite)(const void*, std::size_t, std::size_t, std::FILE*) = std::fwrite;
int (*volatile to_printf)(const char*, ...) = std::printf;
int (*volatile to_fprintf)(std::FILE*, const char*, ...) = std::fprintf;
void* (*volatile to_malloc)(std::size_t) = std::malloc;
void (*volatile to_free)(void*) = std::free;
void* (*volatile to_calloc)(std::size_t, std::size_t) = std::calloc;
void* (*volatile to_realloc)(void*, std::size_t) = std::realloc;
void* (*volatile to_aligned_alloc)(std::size_t, std::size_t) = std::aligned_alloc;
int (*volatile to_posix_memalign)(void**, std::size_t, std::size_t) = posix_memalign;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
void* allocated = nullptr;

struct guarded {
    const char* name;
    void (*call)();
    void (*prepare)() = nullptr; ///< in a task, before the call that is to be seen
    bool allocates = false;
};
const guarded all_guarded[]{
    {"puts", [] { to_puts("seen"); }},
    {"fwrite", [] { to_fwrite("seen", 1, 4, stdout); }},
    {"printf", [] { to_printf("%d", 1); }},
    {"fprintf", [] { to_fprintf(stdout, "%d", 1); }},
    {"pthread_mutex_lock", [] { pthread_mutex_lock(&mutex); }},
    {"pthread_mutex_unlock", [] { pthread_mutex_unlock(&mutex); }, [] { pthread_mutex_lock(&mutex); }},
    {"malloc", [] { allocated = to_malloc(24); }, nullptr, true},
    {"free", [] { to_free(std::exchange(allocated, nullptr)); }, [] { allocated = to_malloc(24); }, true},
    {"calloc", [] { allocated = to_calloc(3, 8); }, nullptr, true},
    {"realloc", [] { allocated = to_realloc(nullptr, 24); }, nullptr, true},
    {"aligned_alloc", [] { allocated = to_aligned_alloc(64, 128); }, nullptr, true},
    {"posix_memalign", [] { static_cast<void>(to_posix_memalign(&allocated, 64, 128)); }, nullptr, true}};

const guarded& every_guarded()
{
    return all_guarded[GENERATE(range(std::size_t{0}, std::size(all_guarded)))];
}

/// A machine of one vCPU and one IRQ line, both of whose handlers do `what`.
struct bench {
    test::on_vcpu cpu;
    machine m;
    irq_registration irq;
    explicit bench(void (*what)()) : m(config(cpu))
    {
        std::ignore = m.exchange(make_nmi_handler([what](const pt_regs&, int) noexcept {
            what();
            return 1;
        }));
        irq = request_irq(m, 0, make_nmi_handler([what](const pt_regs&, int) noexcept {
                              what();
                              return irq_handled;
                          }),
                          0, "calls");
    }
    static machine_config config(test::on_vcpu& cpu)
    {
        machine_config c;
        c.irqs = 1;
        c.custom_workload = cpu.workload();
        return c;
    }
    const check_record& of_nmi() { return internals(m).area(0).checks[check::signal_safety]; }
    const check_record& of_irq() { return internals(m).area(0).irq->checks[check::signal_safety]; }
};

std::string first_of(const check_record& r)
{
    return r.failures() == 0 ? "nothing" : r.first().what;
}

/// "nothing" twice but for the context in which `g` is called.
std::string reported(const guarded& g, bool in_irq)
{
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    bench b(g.call);
    if (std::string(g.name) != "pthread_mutex_lock") // a second one would wait for ever
        b.cpu.run([&] {
            if (g.prepare != nullptr)
                g.prepare();
            g.call();
        });
    if (b.of_nmi().failures() + b.of_irq().failures() != 0)
        return "reported from a task";
    b.cpu.run([&] {
        if (g.prepare != nullptr)
            g.prepare();
        if (in_irq)
            raise_irq(b.m, 0, 0);
        else
            test::nmi_at(b.m, 0x1000);
    });
    return first_of(b.of_nmi()) + ", " + first_of(b.of_irq());
}

} // namespace

TEST_CASE(
    "each function that the guard stands for is reported by name from an NMI and an IRQ, not from a task")
{
    const guarded& g = every_guarded();
    const bool in_irq = GENERATE(false, true);
    CAPTURE(g.name, in_irq);
    const auto child = in_child(20, [&] { return reported(g, in_irq); });
    CHECK(child.exited);
    const bool by_hook = sanitized && g.allocates;
    const std::string name = !by_hook ? g.name : std::string(g.name) == "free" ? "free" : "malloc";
    const std::string told = name + " calls in NMI context";
    CHECK(child.text == (in_irq ? "nothing, " + told : told + ", nothing"));
}

TEST_CASE("what the handler of a backtrace request calls is not the NMI's doing")
{
    const auto child = in_child(20, [] {
        bench b([] { to_free(to_malloc(8)); });
        percpu& area = internals(b.m).area(0);
        b.cpu.run([&] {
            area.diagnosing = true;
            test::nmi_at(b.m, 0x1000);
            area.diagnosing = false;
        });
        return first_of(b.of_nmi());
    });
    CHECK(child.text == "nothing");
}

TEST_CASE("a report names the caller, the vCPU and its handler's generation")
{
    const auto child = in_child(20, [] {
        bench b([] { allocated = to_malloc(8); });
        internals(b.m).area(0).last_generation.set(29);
        b.cpu.run([&] { test::nmi_at(b.m, 0x1000); });
        const violation& v = b.of_nmi().first();
        return std::to_string(v.cpu) + " " + std::to_string(v.generation) +
               (v.ip != 0 || sanitized ? " ip" : "");
    });
    CHECK(child.text == "0 29 ip");
}

namespace {

constexpr std::size_t arena_size = 1 << 20;

/// What `body` says inside an NMI, with the guard's arena as it is at start.
std::string in_an_nmi(std::string (*body)())
{
    static std::string (*what)();
    static std::array<char, 256> said;
    what = body;
    const auto child = in_child(20, [] {
        bench b([] {
            const std::string text = what(); // allocates as well, and is short: none of its own
            text.copy(said.data(), said.size() - 1);
        });
        b.cpu.run([&] { test::nmi_at(b.m, 0x1000); });
        return std::string(said.data());
    });
    return child.exited ? child.text : "ended by signal " + std::to_string(child.code);
}

bool all_zero(const void* p, std::size_t n)
{
    const auto* const bytes = static_cast<const unsigned char*>(p);
    return std::all_of(bytes, bytes + n, [](unsigned char c) { return c == 0; });
}

} // namespace

TEST_CASE("a handler that allocates all the same gets memory of its own, or none")
{
    if (sanitized) {
        WARN("skipped: with a sanitizer, whose allocator it gets");
        return;
    }
    CHECK(in_an_nmi([]() -> std::string {
              auto* const first = static_cast<char*>(to_malloc(3));
              auto* const second = static_cast<char*>(to_malloc(5));
              if (first == nullptr || second < first + 3)
                  return "overlap";
              std::memcpy(second, "abcd", 5);
              auto* const third = static_cast<char*>(to_realloc(second, 500));
              if (third == nullptr || std::strcmp(third, "abcd") != 0)
                  return "lost";
              to_free(first);
              return all_zero(to_calloc(10, 10), 100) ? "memory" : "not zero";
          }) == "memory");
    CHECK(in_an_nmi([]() -> std::string {
              if (to_malloc(arena_size + 1) != nullptr)
                  return "too much";
              return to_malloc(arena_size) != nullptr ? "all of it" : "none any more";
          }) == "all of it");
    CHECK(in_an_nmi([]() -> std::string {
              const bool aligned = to_aligned_alloc(64, 64) == nullptr;
              void* p = &allocated;
              const int error = to_posix_memalign(&p, 64, 64);
              return aligned && error == ENOMEM && p == nullptr ? "refused" : "?";
          }) == "refused");
}

TEST_CASE("the memory of handlers that allocate is given out to its last byte and not beyond")
{
    if (sanitized) {
        WARN("skipped: with a sanitizer, whose allocator it gets");
        return;
    }
    CHECK(in_an_nmi([]() -> std::string {
              std::size_t blocks = 0;
              const char* last = nullptr;
              while (const auto* const p = static_cast<const char*>(to_malloc(4096 - 15))) {
                  if (last != nullptr && p != last + 4096)
                      return "not in a row";
                  last = p;
                  ++blocks;
              }
              const bool over = to_malloc(1) != nullptr;
              return blocks * 4096 == arena_size && !over ? "all" : "not all";
          }) == "all");
}

TEST_CASE("sizes that overflow get a handler no memory")
{
    if (sanitized) {
        WARN("skipped: with a sanitizer, whose allocator it gets");
        return;
    }
    CHECK(in_an_nmi([]() -> std::string {
              const volatile std::size_t most = SIZE_MAX;
              const bool refused = to_malloc(most) == nullptr && to_malloc(most - 15) == nullptr &&
                                   to_calloc(most / 2 + 2, 2) == nullptr && to_calloc(2, most) == nullptr &&
                                   to_realloc(nullptr, most) == nullptr;
              return refused ? to_malloc(1) != nullptr ? "refused" : "nothing more" : "given";
          }) == "refused");
}

TEST_CASE("what a handler allocated may be given back and made greater in a task")
{
    if (sanitized) {
        WARN("skipped: with a sanitizer, whose allocator it gets");
        return;
    }
    const auto child = in_child(20, [] {
        static char* mine;
        bench b([] {
            mine = static_cast<char*>(to_malloc(8));
            std::memcpy(mine, "kept", 5);
        });
        b.cpu.run([&] { test::nmi_at(b.m, 0x1000); });
        char* const greater = static_cast<char*>(to_realloc(mine, 5000));
        const std::string text = greater;
        to_free(greater);
        to_free(mine);
        return text;
    });
    CHECK(child.exited);
    CHECK(child.text == "kept");
}
