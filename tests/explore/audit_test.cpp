// SPDX-License-Identifier: MIT
//
// The purity audit against handlers that do one wrong thing each. This program binds lazily on purpose.
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include <unistd.h>

using namespace nmisim::explore;

namespace {

char text[64] = "12";
volatile long sink;

void good()
{
    char copy[64];
    std::memcpy(copy, text, sizeof copy);
    sink = getpid() + copy[0];
}

void allocates()
{
    void* volatile p = std::malloc(32);
    std::free(p);
}

std::mutex lock;

void locks()
{
    lock.lock();
    lock.unlock();
}

void throws()
{
    try {
        throw std::runtime_error("in a handler");
    } catch (const std::exception&) {
        sink = 1;
    }
}

struct made_late {
    made_late() { sink = 2; }
    ~made_late() { sink = 3; }
};

void first_use_of_a_static()
{
    static made_late late;
    sink = 4;
}

void prints()
{
    std::fprintf(stdout, "%ld\n", static_cast<long>(sink));
}

// Not called anywhere else in this program, so not bound yet.
void lazily_bound()
{
    sink = strncmp(text, "x", static_cast<std::size_t>(sink) + 1) + static_cast<long>(getsid(0));
}

const audit_entry* find(const audit_report& r, const std::string& function)
{
    for (const audit_entry& e : r.entries)
        if (e.function == function)
            return &e;
    return nullptr;
}

bool unsafe(const audit_report& r, const std::string& function, const std::string& why)
{
    for (const audit_entry& e : r.entries)
        if (!e.safe && e.function == function && e.why.find(why) != std::string::npos)
            return true;
    return false;
}

} // namespace

TEST_CASE("a handler that calls only what POSIX allows is clean")
{
    // Bound before: the child process inherits it.
    good();
    const audit_report r = audit("good", good);
    INFO(to_text(r, true));
    CHECK(r.clean());
    CHECK(exit_code(r) == 0);
}

TEST_CASE("malloc and free in a handler are named, with the place of the call")
{
    allocates();
    const audit_report r = audit("malloc", allocates);
    INFO(to_text(r, true));
    CHECK(unsafe(r, "malloc", "allocates"));
    CHECK(unsafe(r, "free", "allocates"));
    REQUIRE(find(r, "malloc") != nullptr);
    CHECK(find(r, "malloc")->called_from.ip != 0);
    CHECK(exit_code(r) == 3);
}

TEST_CASE("a lock in a handler is named")
{
    locks();
    const audit_report r = audit("lock", locks);
    INFO(to_text(r, true));
    CHECK(unsafe(r, "pthread_mutex_lock", "lock"));
}

TEST_CASE("a throw in a handler is named, although it is caught there")
{
    throws();
    const audit_report r = audit("throw", throws);
    INFO(to_text(r, true));
    CHECK(unsafe(r, "__cxa_throw", "exceptions"));
    CHECK(unsafe(r, "__cxa_allocate_exception", "exceptions"));
}

TEST_CASE("the first use of a static object is named")
{
    const audit_report r = audit("static", first_use_of_a_static);
    INFO(to_text(r, true));
    CHECK(unsafe(r, "__cxa_guard_acquire", ""));
}

TEST_CASE("stdio in a handler is named")
{
    prints();
    CHECK(audit("stdio", prints).unsafe() > 0);
}

TEST_CASE("a function that the handler is the first to call enters the dynamic loader, safe or not")
{
    const audit_report cold = audit("cold", lazily_bound);
    INFO(to_text(cold, true));
    CHECK(unsafe(cold, "getsid", "bound lazily"));
    lazily_bound();
    const audit_report warm = audit("warm", lazily_bound, nullptr, {"getsid"});
    INFO(to_text(warm, true));
    CHECK(warm.clean());
    CHECK(warm.steps < cold.steps);
}

TEST_CASE("a function that the caller vouches for is safe")
{
    CHECK(audit("allowed", allocates, nullptr, {"malloc", "free"}).clean());
}
