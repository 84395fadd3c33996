// SPDX-License-Identifier: MIT
//
// Precompiled for the layers that write text.
#include "pch/core.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
