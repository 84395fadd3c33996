// SPDX-License-Identifier: MIT
#include "faults/plain_publish.hpp"

#include "nmisim/rcu_pointer.hpp"

namespace nmisim {

#ifdef __clang__
const bool plain_publish_is_reordered = false;
#else
const bool plain_publish_is_reordered = true;
#endif

void plain_publish(handler_data* __restrict data, const handler_data* __restrict source,
                   nmi_callback** __restrict slot, nmi_callback* callback) noexcept
{
    *data = *source;
    *slot = callback;
}

void ordered_publish(handler_data* __restrict data, const handler_data* __restrict source,
                     std::atomic<nmi_callback*>* __restrict slot, nmi_callback* callback) noexcept
{
    *data = *source;
    rcu_assign_pointer(*slot, callback);
}

} // namespace nmisim
