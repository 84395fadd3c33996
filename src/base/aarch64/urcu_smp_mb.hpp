// SPDX-License-Identifier: MIT
//
// liburcu's own fence, dmb ish, is what there is.
#pragma once

#include <urcu/arch.h>
