// SPDX-License-Identifier: MIT
//
// What can be explored: a function without parameters, at an address that a child process finds too. Anything else does
// not compile, and the message says what to do instead.
#pragma once

#include <csignal>
#include <cstddef>
#include <type_traits>

namespace nmisim::explore {

/// nullptr, a function without parameters that returns R, or a lambda without captures and parameters. Converts to
/// and from `R (*)()`.
template <class R>
class plain_function {
    using pointer = R (*)();
    template <class F>
    static constexpr bool is_signal_handler =
        std::is_convertible_v<F, void (*)(int, siginfo_t*, void*)> ||
        std::is_convertible_v<F, void (*)(int)> || std::is_invocable_v<F, int, siginfo_t*, void*> ||
        std::is_invocable_v<F, int>;

public:
    constexpr plain_function(std::nullptr_t = nullptr) noexcept {}
    constexpr plain_function(pointer p) noexcept : pointer_(p) {}

    template <class F>
    requires(std::is_convertible_v<F, pointer> && !std::is_same_v<std::remove_cvref_t<F>, plain_function> &&
             !std::is_same_v<std::remove_cvref_t<F>, std::nullptr_t>) constexpr plain_function(F&& f) noexcept
        : pointer_(static_cast<pointer>(f))
    {}

    template <class F>
    requires(!std::is_convertible_v<F, pointer> &&
             !std::is_same_v<std::remove_cvref_t<F>, plain_function>) constexpr plain_function(F&&) noexcept
    {
        static_assert(
            !is_signal_handler<F>,
            "a handler with a signal's parameters: install it in setup, by sigaction(), and leave nmi unset");
        static_assert(
            is_signal_handler<F>,
            "explored is a function without parameters, or a lambda without captures: keep its data in "
            "globals, and a handler that needs more: install it in setup");
    }

    constexpr operator pointer() const noexcept { return pointer_; }

private:
    pointer pointer_ = nullptr;
};

} // namespace nmisim::explore
