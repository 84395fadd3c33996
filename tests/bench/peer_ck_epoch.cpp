// SPDX-License-Identifier: MIT
#include "peer_ck_epoch.hpp"

#include "nmi/percpu.hpp"
#include "peers.hpp"

#include <memory>

extern "C" {
#include <ck_epoch.h>
}

namespace nmisim::bench {
namespace {

/// Never freed: ck keeps every record in its list and hands an unregistered one out again.
ck_epoch_t& the_epoch()
{
    static ck_epoch_t* const epoch = [] {
        auto* e = new ck_epoch_t;
        ck_epoch_init(e);
        return e;
    }();
    return *epoch;
}

__thread ck_epoch_record_t* record = nullptr;
std::atomic<nmi_callback*> published{&claims_it};

} // namespace

void ck_epoch_join()
{
    record = ck_epoch_recycle(&the_epoch(), nullptr);
    if (record == nullptr) {
        record = new ck_epoch_record_t;
        ck_epoch_register(&the_epoch(), record, nullptr);
    }
}

void ck_epoch_leave()
{
    ck_epoch_unregister(record);
    record = nullptr;
}

void ck_epoch_dispatch(const pt_regs& regs) noexcept
{
    percpu& self = *this_cpu;
    ck_epoch_begin(record, nullptr);
    self.count->add(one_nmi);
    nmi_callback* const callback = published.load(std::memory_order_relaxed); // the same by every thread
    (*callback)(regs, self.cpunumber);
    ck_epoch_end(record, nullptr);
}

} // namespace nmisim::bench
