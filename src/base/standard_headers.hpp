// SPDX-License-Identifier: MIT
//
// Precompiled for libraries whose files cannot be compiled as one. Nobody includes it.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>
