// SPDX-License-Identifier: MIT
//
// Precompiled for the layers: the standard headers that most of their files include. It only saves time: each file
// includes what it uses, and `-Db_pch=false` builds without it.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>
#include <unistd.h>
