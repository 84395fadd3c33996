// SPDX-License-Identifier: MIT
//
// From the signal to a door: the one way in, of interrupts (runtime/entry/arrival.cpp) and of a machine's NMIs and IRQs
// (nmi/entry/exc_nmi.hpp). A door says what differs:
//
//   here(signo)              whose this is on the calling thread; null: nobody's, or nobody's any more
//   errno_kept               lives while the door is open: errno is afterwards what it was
//   take(here, info, context)  runs what is published, and books it. False: the signal is, or is also, none of ours
//
// What is none of ours goes on to the program's own handler (forward.hpp), after our own sections have ended.
#pragma once

#include "runtime/entry/forward.hpp"

namespace nmisim::runtime {

/// A signal handler. Context: nmi. Progress: wait-free but for handlers.
template <class Door>
inline void arrive(int signo, siginfo_t* info, void* context) noexcept
{
    auto* const here = Door::here(signo);
    if (here == nullptr) // a late one, or not ours
        return forward(signo, info, context);
    const typename Door::errno_kept kept(*here, context);
    if (!Door::take(*here, *info, context))
        forward(info->si_signo, info,
                context); // from there, or `signo` would be kept across what is published
}

/// That of an interrupt; errno is kept. In arrival.cpp.
void arrive(int signo, siginfo_t* info, void* context) noexcept;

} // namespace nmisim::runtime
