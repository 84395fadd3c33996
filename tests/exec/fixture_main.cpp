// SPDX-License-Identifier: MIT
#include "fixtures.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <initializer_list>

#include <sys/wait.h>
#include <unistd.h>

namespace fixture {

void say(const char* text)
{
    std::size_t at = 0;
    const std::size_t size = std::strlen(text);
    while (at < size) {
        const ssize_t n = write(STDOUT_FILENO, text + at, size - at);
        if (n > 0)
            at += static_cast<std::size_t>(n);
        else if (errno != EINTR)
            _exit(99);
    }
}

double seconds()
{
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void sleep_on(double for_seconds)
{
    const double end = seconds() + for_seconds;
    double left = for_seconds;
    while ((left = end - seconds()) > 0) {
        const timespec t{static_cast<time_t>(left),
                         static_cast<long>((left - static_cast<double>(static_cast<time_t>(left))) * 1e9)};
        nanosleep(&t, nullptr);
    }
}

int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

} // namespace fixture

int main(int argc, char** argv)
{
    using namespace fixture;
    for (const entry* table : {faulty, forked, handlers, honest, often, trees, births, single_calls})
        for (const entry* e = table; argc > 1 && e->name != nullptr; ++e)
            if (std::strcmp(e->name, argv[1]) == 0)
                return e->run(argc - 2, argv + 2);
    say("no such fixture\n");
    return 98;
}
