// SPDX-License-Identifier: MIT
//
// Apart from own_pid.cpp, which may be called in a handler.
#include "base/own/own_pid.hpp"

#include <new>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace nmisim {
namespace {

std::atomic<pid_t>* wiped_on_fork() noexcept
{
    const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return nullptr;
    if (madvise(page, size, MADV_WIPEONFORK) == 0)
        return new (page) std::atomic<pid_t>(0);
    munmap(page, size);
    return nullptr;
}

/// Who emulates Linux may take MADV_WIPEONFORK and do nothing (qemu-user 7.2). Then at least fork() is noticed. In the child.
void forget() noexcept
{
    // relaxed: the child has one thread, and who forked has seen the word
    detail::kept_pid.load(std::memory_order_relaxed)->store(0, std::memory_order_relaxed);
}

} // namespace

void keep_own_pid() noexcept
{
    if (detail::kept_pid.load(std::memory_order_relaxed) != nullptr) // only asked whether it is there
        return;
    std::atomic<pid_t>* const word = wiped_on_fork();
    std::atomic<pid_t>* nothing = nullptr;
    if (word == nullptr)
        return;
    // (1) release: the page's first word; pairs with own_pid.hpp(1), own_pid.cpp(2)
    if (detail::kept_pid.compare_exchange_strong(nothing, word, std::memory_order_release,
                                                 std::memory_order_relaxed))
        pthread_atfork(nullptr, nullptr, forget);
    else
        munmap(word, static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

} // namespace nmisim
