// SPDX-License-Identifier: MIT
//
// What a handler does for the first time meets each boundary, and only then: limits::fresh. The window allocates; each of
// the handlers below allocates once in a process. malloc is the program's own, so that it can see that it is entered
// while it runs: as it is, and not deadlocked, which would take longer to see.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <execinfo.h>

namespace {

constinit volatile int inside_malloc = 0;
constinit volatile bool entered_twice = false;

} // namespace

#ifndef __SANITIZE_ADDRESS__ // whose own malloc is needed before main(); nothing is explored there
extern "C" void* __libc_malloc(std::size_t size);

extern "C" [[gnu::noinline]] void* malloc(std::size_t size)
{
    if (inside_malloc != 0)
        entered_twice = true;
    inside_malloc = inside_malloc + 1;
    void* block = __libc_malloc(size);
    inside_malloc = inside_malloc - 1;
    return block;
}
#endif

using namespace nmisim::explore;

namespace {

void (*touch)();
void (*call_late)();

void* symbol_of(const char* library, const char* name)
{
    void* handle = dlopen(library, RTLD_LAZY | RTLD_GLOBAL);
    return handle != nullptr ? dlsym(handle, name) : nullptr;
}

void load()
{
    touch = reinterpret_cast<void (*)()>(symbol_of(NMISIM_COLD_LIBRARY, "explore_test_touch"));
    call_late = reinterpret_cast<void (*)()>(symbol_of(NMISIM_COLD_LIBRARY, "explore_test_call"));
    if (touch == nullptr || call_late == nullptr ||
        symbol_of(NMISIM_COLD_SECOND_LIBRARY, "explore_test_bound_late") == nullptr)
        std::abort();
}

void take_backtrace()
{
    void* frames[4];
    backtrace(frames, 4);
}

void allocate()
{
    static void* volatile block; // or the compiler leaves both calls out
    block = std::malloc(100);
    std::free(block);
}

void allocate_too()
{
    static void* volatile block; // not the window's
    block = std::malloc(100);
    std::free(block);
}

const char* what_is_broken()
{
    return entered_twice ? "malloc is entered while it runs" : nullptr;
}

struct first_time {
    const char* name;
    function handler;
};
constexpr first_time first_times[]{
    {"a thread-local variable of a library", [] { touch(); }},
    {"a function bound late", [] { call_late(); }},
    {"backtrace()", take_backtrace},
};

sweep_report run(function handler, bool fresh, function before = nullptr)
{
    static function first_of_all;
    first_of_all = before;
    limits l;
    l.fresh = fresh;
    return sweep({.name = "cold",
                  .setup =
                      [] {
                          load();
                          if (first_of_all != nullptr)
                              first_of_all();
                      },
                  .prepare = [] { entered_twice = false; },
                  .window = allocate,
                  .nmi = handler,
                  .broken = what_is_broken},
                 l);
}

std::vector<std::uint32_t> findings_of(const sweep_report& r)
{
    std::vector<std::uint32_t> at;
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::violation)
            at.push_back(c.boundary);
    return at;
}

} // namespace

TEST_CASE("a handler that allocates for the first time is found at each boundary inside malloc")
{
    const sweep_report always = run(allocate_too, true);
    INFO(to_text(always));
    const std::vector<std::uint32_t> inside = findings_of(always);
    REQUIRE(!inside.empty());
    CHECK(inside.size() < always.boundaries.size());
    for (const first_time& what : first_times) {
        const sweep_report cold = run(what.handler, true);
        INFO(what.name << "\n" << to_text(cold));
        CHECK(findings_of(cold) == inside);
        CHECK(cold.cells.size() == cold.boundaries.size());
        CHECK(exit_code(cold) == 3);
    }
}

TEST_CASE("touched before, it is clean")
{
    for (const first_time& what : first_times) {
        const sweep_report r = run(what.handler, true, what.handler);
        INFO(what.name << "\n" << to_text(r));
        CHECK(r.clean());
    }
}

TEST_CASE("without a fresh process for each run the first one hides it from the others")
{
    const sweep_report r = run([] { touch(); }, false);
    INFO(to_text(r));
    CHECK(findings_of(r).size() <= 1);
}
