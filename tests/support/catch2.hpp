// SPDX-License-Identifier: MIT
//
// Catch2 3 (several headers) and 2.13 (one), whichever the distribution has.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
