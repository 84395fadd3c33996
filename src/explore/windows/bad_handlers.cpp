// SPDX-License-Identifier: MIT
#include "explore/windows/bad_handlers.hpp"

#include "explore/windows/scene.hpp"
#include "machine/machine_state.hpp"

#include <csignal>
#include <cstdlib>

#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

const int nmi_number = SIGRTMIN + 1; // here, because SIGRTMIN is a call of libc

nmi_callback allocating{[](nmi_callback&, const pt_regs&, int) noexcept {
    void* volatile p = std::malloc(64); // volatile: the compiler may not see that it comes to nothing
    std::free(p);
    return 1;
}};

nmi_callback locking{[](nmi_callback&, const pt_regs&, int) noexcept {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return 1;
}};

// The signal entry as the kernel calls it.
void enter()
{
    siginfo_t info{};
    info.si_signo = nmi_number;
    info.si_code = SI_QUEUE;
    info.si_pid = the_machine().internals().domain.pid;
    static ucontext_t context;
    the_entry().exc_nmi(nmi_number, &info, &context);
}

void enter_with(nmi_callback& callback)
{
    the_machine().internals().domain.callback.store(&callback, std::memory_order_relaxed); // nobody else runs
    enter();
}

} // namespace

function audited_handler(flaw f) noexcept
{
    switch (f) {
    case flaw::malloc_in_nmi: return [] { enter_with(allocating); };
    case flaw::lock_in_nmi: return [] { enter_with(locking); };
    default: return enter;
    }
}

} // namespace nmisim::explore
