// SPDX-License-Identifier: MIT
//
// Apart from own_pid.cpp, which may be called in a handler.
#include "base/own/own_pid.hpp"

#include <new>
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

} // namespace

void keep_own_pid() noexcept
{
    if (detail::kept_pid.load(std::memory_order_relaxed) != nullptr) // only asked whether it is there
        return;
    std::atomic<pid_t>* const word = wiped_on_fork();
    std::atomic<pid_t>* nothing = nullptr;
    // (1) release: the page's first word; pairs with own_pid.hpp(1), own_pid.cpp(2)
    if (word != nullptr && !detail::kept_pid.compare_exchange_strong(nothing, word, std::memory_order_release,
                                                                     std::memory_order_relaxed))
        munmap(word, static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

} // namespace nmisim
