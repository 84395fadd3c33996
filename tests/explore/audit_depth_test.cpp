// SPDX-License-Identifier: MIT
//
// The purity audit against what other objects do on the handler's behalf, and against what is in its own.
#include "audit_library.hpp"
#include "explore/step/arch.hpp"
#include "nmisim/explore.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace explore = nmisim::explore;
using explore::audit_entry;
using explore::audit_report;

namespace {

// Through the table: the program itself binds nothing for it.
template <const audit_library& Library, void (*audit_library::*Function)()>
void call()
{
    (Library.*Function)();
}

struct called {
    std::string library;
    std::string function;
    explore::function handler;
    std::string name() const { return library + "_" + function; }
};

template <void (*audit_library::*Function)()>
std::vector<called> in_each_library(const char* function)
{
    return {{"now", function, call<library_now, Function>},
            {"lazy", function, call<library_lazy, Function>},
            {"no_plt", function, call<library_no_plt, Function>}};
}

std::vector<called> joined(std::initializer_list<std::vector<called>> lists)
{
    std::vector<called> all;
    for (const auto& one : lists)
        all.insert(all.end(), one.begin(), one.end());
    return all;
}

const audit_entry* finding(const audit_report& r, const std::string& function, const std::string& why)
{
    for (const audit_entry& e : r.entries)
        if (!e.safe && e.function == function && e.why.find(why) != std::string::npos)
            return &e;
    return nullptr;
}

audit_report audit_vouched(const called& c)
{
    return explore::audit(c.name().c_str(), c.handler, nullptr, {c.name()});
}

volatile long sink;

} // namespace

// A known name in the program's own object: an allocator that is linked in.
extern "C" [[gnu::noinline]] void* je_malloc(std::size_t size)
{
    sink = static_cast<long>(size);
    return nullptr;
}
// Names that only begin, or end, like known ones.
extern "C" [[gnu::noinline]] void* je_mallocator(std::size_t size)
{
    sink = static_cast<long>(size) + 1;
    return nullptr;
}

TEST_CASE(
    "malloc behind a function that is vouched for is found, however it is called, and who calls it is named")
{
    const called c = GENERATE(from_range(
        joined({in_each_library<&audit_library::allocates>("allocates"),
                in_each_library<&audit_library::allocates_by_a_jump>("allocates_by_a_jump"),
                in_each_library<&audit_library::allocates_by_a_pointer>("allocates_by_a_pointer"),
                in_each_library<&audit_library::allocates_by_another_name>("allocates_by_another_name")})));
    const audit_report r = audit_vouched(c);
    INFO(to_text(r, true));
    // Without a PLT aarch64 calls a register, and nobody sees by which name it was loaded.
    const bool name_is_seen = explore::arch::name() == "x86_64" || c.library != "no_plt";
    const std::string malloc_name =
        c.function == "allocates_by_another_name" && name_is_seen ? "__libc_malloc" : "malloc";
    const audit_entry* e = finding(r, malloc_name, "allocates");
    REQUIRE(e != nullptr);
    CHECK(e->deep);
    CHECK(exit_code(r) == 3);
    REQUIRE(e->chain.size() >= 3);
    CHECK(e->chain[1] == c.name());
    CHECK(e->chain.back() == malloc_name);
    if (c.function == "allocates")
        CHECK(e->chain[2] == c.library + "_takes");
    CHECK(to_text(r).find("by " + e->chain[0] + " > " + c.name() + " > ") != std::string::npos);
}

TEST_CASE("locks behind a function that is vouched for are found")
{
    const called c = GENERATE(from_range(in_each_library<&audit_library::locks>("locks")));
    const audit_report r = audit_vouched(c);
    INFO(to_text(r, true));
    CHECK(finding(r, "pthread_mutex_lock", "lock") != nullptr);
}

TEST_CASE(
    "an exception behind a function that is vouched for is found, and what a throw calls is not told again")
{
    const audit_report r = audit_vouched({"now", "throws", call<library_now, &audit_library::throws>});
    INFO(to_text(r, true));
    CHECK(finding(r, "__cxa_throw", "exceptions") != nullptr);
    CHECK(finding(r, "malloc", "") == nullptr);
}

TEST_CASE("a function that is vouched for and does nothing wrong is clean")
{
    const called c =
        GENERATE(from_range(in_each_library<&audit_library::takes_from_a_pool>("takes_from_a_pool")));
    const audit_report r = audit_vouched(c);
    INFO(to_text(r, true));
    CHECK(exit_code(r) == 0);
    CHECK(r.entries.size() == 1);
}

TEST_CASE("a library's call that is bound lazily is found, and one that is bound already is not")
{
    const audit_report lazy = audit_vouched({"lazy", "writes", call<library_lazy, &audit_library::writes>});
    INFO(to_text(lazy, true));
    CHECK(finding(lazy, "write", "bound lazily") != nullptr);
    const audit_report now = audit_vouched({"now", "writes", call<library_now, &audit_library::writes>});
    INFO(to_text(now, true));
    CHECK(exit_code(now) == 0);
}

TEST_CASE("a function that nobody vouches for is told, and what it allocates as well")
{
    const audit_report r = explore::audit("plain", call<library_now, &audit_library::allocates>);
    INFO(to_text(r, true));
    CHECK(finding(r, "now_allocates", "not on the list") != nullptr);
    CHECK(finding(r, "malloc", "allocates") != nullptr);
}

TEST_CASE("who vouches for a function does not vouch for what it calls, in libc neither")
{
    const auto handler = call<library_now, &audit_library::duplicates>;
    const audit_report one = explore::audit("strdup", handler, nullptr, {"now_duplicates", "strdup"});
    INFO(to_text(one, true));
    REQUIRE(finding(one, "malloc", "allocates") != nullptr);
    CHECK(finding(one, "malloc", "allocates")->chain[2] == "strdup");
    CHECK(explore::audit("both", handler, nullptr, {"now_duplicates", "strdup", "malloc"}).clean());
}

TEST_CASE("the audit looks into the program's own object")
{
    const audit_report r = explore::audit("own", [] { sink = sink + (je_malloc(3) == nullptr); });
    INFO(to_text(r, true));
    REQUIRE(finding(r, "je_malloc", "allocates") != nullptr);
    CHECK(finding(r, "je_malloc", "allocates")->object == "this program");
    CHECK(explore::audit("another", [] { sink = sink + (je_mallocator(3) == nullptr); }).clean());
}

TEST_CASE("a function of the program that is called by a jump is looked at too")
{
    const audit_report r = explore::audit("jump", [] {
        asm volatile("" ::: "memory");
        static_cast<void>(je_malloc(4));
    });
    INFO(to_text(r, true));
    CHECK(finding(r, "je_malloc", "allocates") != nullptr);
}
