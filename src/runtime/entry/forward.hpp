// SPDX-License-Identifier: MIT
//
// What becomes of a signal that is none of ours: it goes to the handler that the program had there before we came, as if we
// were not there. A default action is never taken, because most end the process; such a signal is counted and ignored.
// base/program_handler.hpp says what is kept of what the program asked for. A handler with SA_RESETHAND runs once. What
// carries a mark of ours is late, and nobody's.
//
// A foreign signal changes no other book. What is kept here is never freed: a signal may come after main().
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace nmisim::runtime {

inline constexpr int signals = 65;

/// What the program had on a signal before it was taken. Written once, by signals.cpp.
struct kept_action {
    struct sigaction action {};
    std::atomic<bool> is_there{false}; ///< there is a handler to be called
    /// Signals that nobody wanted.
    std::atomic<std::uint64_t> ignored{0};
};
extern constinit std::array<kept_action, signals> kept_actions;

/// A signal handler, of who has nothing of his own on the signal. Context: any signal handler, outside of sections: the
/// program's may sleep or jump away. As async-signal-safe as that one.
void forward(int signo, siginfo_t* info, void* context) noexcept;

} // namespace nmisim::runtime
