// SPDX-License-Identifier: MIT
#include "machine/interrupt_signal.hpp"

#include "base/program_handler.hpp"
#include "nmi/foreign_signal.hpp"

#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>

namespace nmisim {
namespace {

using signal_handler = void (*)(int, siginfo_t*, void*);

std::mutex owners_lock; // protects what follows; never held while waiting, never taken in NMI context
bool owned[65];
signal_handler installed[65]; ///< by a line of this process, the last; null: none ever was

/// The signal's action is the one that a line has installed. Under owners_lock.
bool is_a_lines(int signo, const struct sigaction& action) noexcept
{
    return installed[signo] != nullptr && (action.sa_flags & SA_SIGINFO) != 0 &&
           action.sa_sigaction == installed[signo];
}

/// What the program has on the signal gets what is not the line's. A machine that was there before changes nothing: what
/// was there before it is kept. Under owners_lock.
void keep_previous(int signo)
{
    struct sigaction now {};
    if (sigaction(signo, nullptr, &now) != 0 || is_a_lines(signo, now))
        return;
    auto& slot = previous_actions[static_cast<std::size_t>(signo)];
    const previous_action* const before = slot.load(std::memory_order_relaxed); // written under owners_lock
    const previous_action* kept = nullptr;
    if (is_program_handler(now))
        kept = new previous_action{now, before}; // never freed: see nmi/foreign_signal.hpp
    // (1) release: the action; pairs with nmi/foreign_signal.cpp(1), nmi/foreign_signal.cpp(2)
    slot.store(kept, std::memory_order_release);
}

void install(int signo, signal_handler handler, const sigset_t& masked)
{
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    action.sa_mask = masked;
    if (sigaction(signo, &action, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "sigaction(" + std::to_string(signo) + ")");
    installed[signo] = handler;
}

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
    keep_previous(signo_);
    install(signo_, handler, masked);
    owned[signo_] = true;
}

// NOLINTNEXTLINE(bugprone-exception-escape): sigaction accepted this signal before; if not now, the end is right
interrupt_signal::~interrupt_signal()
{
    const std::lock_guard lock(owners_lock);
    struct sigaction now {};
    // The program may have put a handler of its own there meanwhile, which is not ours to take away.
    if (sigaction(signo_, nullptr, &now) == 0 && is_a_lines(signo_, now))
        install(signo_, foreign_signal, signal_set());
    owned[signo_] = false;
}

} // namespace nmisim
