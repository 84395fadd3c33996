// SPDX-License-Identifier: MIT
//
// The tables, each defined in its flavor's .cpp; rcu.cpp picks from them.
#pragma once

#include "rcu/rcu.hpp"

namespace nmisim::rcu {

extern const rcu_ops memb_ops;
extern const rcu_ops mb_ops;
extern const rcu_ops bp_ops;
extern const rcu_ops qsbr_ops;
extern const rcu_ops nmi_ops;
extern const rcu_ops srcu_ops;

} // namespace nmisim::rcu
