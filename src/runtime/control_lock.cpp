// SPDX-License-Identifier: MIT
#include "runtime/control_lock.hpp"

namespace nmisim::runtime {
namespace {

/// Protects all that is said to be "under the control lock". Never destroyed.
pthread_mutex_t control_mutex = PTHREAD_MUTEX_INITIALIZER;

} // namespace

control_guard::control_guard() noexcept
{
    pthread_mutex_lock(&control_mutex);
}

control_guard::~control_guard()
{
    pthread_mutex_unlock(&control_mutex);
}

void hold_control_lock(sigset_t& mask) noexcept
{
    const sigset_t all = asynchronous_signals();
    pthread_sigmask(SIG_BLOCK, &all, &mask);
    pthread_mutex_lock(&control_mutex);
}

void release_control_lock(const sigset_t& mask) noexcept
{
    pthread_mutex_unlock(&control_mutex);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

} // namespace nmisim::runtime
