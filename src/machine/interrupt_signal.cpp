// SPDX-License-Identifier: MIT
#include "machine/interrupt_signal.hpp"

#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>

namespace nmisim {
namespace {

std::mutex owners_lock; // protects owned; never held while waiting, never taken in NMI context
bool owned[65];

void install(int signo, void (*handler)(int, siginfo_t*, void*), const sigset_t& masked)
{
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    action.sa_mask = masked;
    if (sigaction(signo, &action, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "sigaction(" + std::to_string(signo) + ")");
}

void harmless(int, siginfo_t*, void*) {}

} // namespace

interrupt_signal::interrupt_signal(int offset, void (*handler)(int, siginfo_t*, void*), const char* purpose,
                                   const sigset_t& masked)
    : signo_(SIGRTMIN + offset)
{
    if (offset < 0 || signo_ > SIGRTMAX)
        throw std::invalid_argument("no real-time signal SIGRTMIN+" + std::to_string(offset) + " for the " +
                                    purpose + ": the last is SIGRTMIN+" +
                                    std::to_string(SIGRTMAX - SIGRTMIN));
    const std::lock_guard lock(owners_lock);
    if (owned[signo_])
        throw std::system_error(
            EBUSY, std::generic_category(),
            "SIGRTMIN+" + std::to_string(offset) + " for the " + purpose +
                " belongs to another machine of this process; choose another signal_offset");
    install(signo_, handler, masked);
    owned[signo_] = true;
}

// NOLINTNEXTLINE(bugprone-exception-escape): sigaction accepted this signal before; if not now, the end is right
interrupt_signal::~interrupt_signal()
{
    const std::lock_guard lock(owners_lock);
    install(signo_, harmless, signal_set());
    owned[signo_] = false;
}

} // namespace nmisim
