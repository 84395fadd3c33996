// SPDX-License-Identifier: MIT
//
// An NMI callback: a function together with its data, published as one pointer. In the kernel of 2005 the
// pointer is to a function and the data is global, so that a bounds check and the buffer it guards can
// disagree across a swap; here they cannot.
//
// The types show who owns a callback: make_nmi_handler() returns an owning nmi_handler; machine::exchange() takes one
// and returns the old one after a grace period, when it is safe to free it.
#pragma once

#include "nmisim/export.hpp"
#include "nmisim/regs.hpp"

#include <memory>
#include <type_traits>
#include <utility>

namespace nmisim {

/// The function of a callback. Context: nmi (async-signal-safe code only: no allocation, no lock, no throw,
/// no first use of thread-local or static data). Returns 0: "not mine", the default action runs; any other
/// value: handled. Kernel: nmi_callback_t, which has no `self`.
struct nmi_callback;
using nmi_function = int (*)(nmi_callback& self, const pt_regs& regs, int cpu) noexcept;

struct nmi_callback {
    nmi_function function;
    void (*destroy)(nmi_callback*) noexcept = nullptr; ///< frees an owned one; null: not owned

    int operator()(const pt_regs& regs, int cpu) noexcept { return function(*this, regs, cpu); }
};

struct nmi_handler_deleter {
    void operator()(nmi_callback* callback) const noexcept
    {
        if (callback->destroy != nullptr)
            callback->destroy(callback);
    }
};
using nmi_handler = std::unique_ptr<nmi_callback, nmi_handler_deleter>;

/// Makes a handler of `f`, any object that is callable as `int f(const pt_regs&, int cpu) noexcept`; its
/// members are the handler's data.
///
/// Context: control (allocates). Lifetime: the caller owns it until it is passed to machine::exchange().
template <class F>
[[nodiscard]] nmi_handler make_nmi_handler(F f)
{
    static_assert(std::is_nothrow_invocable_r_v<int, F&, const pt_regs&, int>,
                  "an NMI handler is callable as int(const pt_regs&, int cpu) noexcept");
    struct holder : nmi_callback {
        explicit holder(F&& callable)
            : nmi_callback{[](nmi_callback& self, const pt_regs& regs, int cpu) noexcept -> int {
                               return static_cast<holder&>(self).f(regs, cpu);
                           },
                           [](nmi_callback* self) noexcept { delete static_cast<holder*>(self); }},
              f(std::move(callable))
        {}
        F f;
    };
    return nmi_handler(new holder(std::move(f)));
}

/// Returns 0. What unset_nmi_callback() puts back. Kernel: dummy_nmi_callback() in i386 traps.c.
extern NMISIM_API nmi_callback dummy_nmi_callback;

} // namespace nmisim
