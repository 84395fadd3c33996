// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch2.hpp"

#include "nmisim/explore.hpp"

// Where the mechanism is absent the whole program has exited with 77 before any test (explore_main.cpp).
#define NEEDS_THE_MECHANISM() REQUIRE(nmisim::explore::mechanism_absent().empty())
