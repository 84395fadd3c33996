// SPDX-License-Identifier: MIT
#include "base/own_pid.hpp"

#include <atomic>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace nmisim {
namespace {

using kept_pid = std::atomic<pid_t>;

std::atomic<kept_pid*> kept{nullptr};

kept_pid* wiped_on_fork() noexcept
{
    const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return nullptr;
    if (madvise(page, size, MADV_WIPEONFORK) == 0)
        return new (page) kept_pid(0);
    munmap(page, size);
    return nullptr;
}

} // namespace

pid_t own_pid() noexcept
{
    // (1) acquire: the page's first word; pairs with (2)
    kept_pid* const word = kept.load(std::memory_order_acquire);
    if (word == nullptr)
        return getpid();
    if (const pid_t pid = word->load(std::memory_order_relaxed); pid != 0) // each thread would store the same
        return pid;
    const pid_t pid = getpid();
    word->store(pid, std::memory_order_relaxed); // as above
    return pid;
}

void keep_own_pid() noexcept
{
    if (kept.load(std::memory_order_relaxed) != nullptr) // only asked whether it is there
        return;
    kept_pid* const word = wiped_on_fork();
    kept_pid* nothing = nullptr;
    // (2) release: the page's first word; pairs with (1)
    if (word != nullptr &&
        !kept.compare_exchange_strong(nothing, word, std::memory_order_release, std::memory_order_relaxed))
        munmap(word, static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

} // namespace nmisim
