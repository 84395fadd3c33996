// SPDX-License-Identifier: MIT
//
// A program that has the library nmisim-threads in front of pthread_create(): its later threads attach as they begin.
#include "nmisim/nmisim.h"
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <string>
#include <sys/resource.h>

using namespace nmisim;
using namespace nmisim::test;

namespace {

/// What the thread does is done before its creator goes on.
template <class Body>
void in_thread(Body body)
{
    std::thread(body).join();
}

} // namespace

TEST_CASE("threads that begin after the process was attached attach as they begin, and leave as they end",
          "[hook]")
{
    const auto seen = in_child(60, [] {
        tally t;
        int user = 0;
        std::string text;
        interrupt i({.signal = SIGPROF});
        filled<counting> s(i, t);
        in_thread([&] { text += std::to_string(i.books().attached); });
        const process_threads found = i.attach_process({.user = &user});
        text += found.later_ones ? " later " : " - ";
        in_thread([&] {
            text += std::to_string(i.books().attached);
            i.raise(gettid());
            nmisim_thread_begins(); // once more changes nothing
        });
        text += t.last_user == &user ? " user " : " - ";
        text += std::to_string(i.books().attached);
        (void)i.close(patient);
        interrupt again({.signal = SIGPROF});
        in_thread([&] { text += std::to_string(again.books().attached); });
        return text;
    });
    CHECK(seen.text == "0 later 2 user 11");
}

TEST_CASE("a thread that begins and finds no timer runs unattached, and is told in the books", "[hook]")
{
    const auto seen = in_child(60, [] {
        interrupt i({.signal = SIGPROF});
        attach_timer(i, {.cpu_hz = 100});
        eventually([&] { return i.attach_process({.cpu_hz = 100}).error != EAGAIN; });
        const rlimit none{0, 0};
        setrlimit(RLIMIT_SIGPENDING, &none);
        bool ran = false;
        in_thread([&] { ran = true; });
        const interrupt_books b = i.books();
        return std::to_string(ran) + std::to_string(b.begun_unattached) + std::to_string(b.attached);
    });
    CHECK(seen.text == "111");
}

TEST_CASE("a thread's result and its end by pthread_exit() go through", "[hook]")
{
    static int value;
    pthread_t thread{};
    void* result = nullptr;
    REQUIRE(pthread_create(
                &thread, nullptr, [](void* p) { return p; }, &value) == 0);
    pthread_join(thread, &result);
    CHECK(result == &value);
    REQUIRE(pthread_create(
                &thread, nullptr, [](void* p) -> void* { pthread_exit(p); }, &value) == 0);
    result = nullptr;
    pthread_join(thread, &result);
    CHECK(result == &value);
}

TEST_CASE("where no thread can be made, pthread_create() says so", "[hook]")
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, std::size_t{1} << 46);
    pthread_t thread{};
    CHECK(pthread_create(
              &thread, &attributes, [](void* p) { return p; }, nullptr) == EAGAIN);
}
