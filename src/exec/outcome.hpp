// SPDX-License-Identifier: MIT
//
// What a run came to, as somebody who only uses the program sees it, and in what two runs differ. Nothing here knows about
// NMIs.
#pragma once

#include "exec/trace/output.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::exec {

struct outcome {
    int status = 0; ///< of waitpid
    bool hang = false;
    content out;
    content err;
    struct file {
        std::string path;
        bool there = false;
        content what;
    };
    std::vector<file> files;
    std::uint64_t elapsed_ns = 0;
    std::uint64_t cpu_ns = 0;
};

/// What is compared: "status", "stdout", "stderr", "file=PATH".
using aspects = std::vector<std::string>;

bool has(const aspects& all, std::string_view one);
/// Those of `compared` that differ. A hang differs in its status.
aspects differences(const outcome& a, const outcome& b, const aspects& compared);
/// The files that `compared` names, as they are now.
void take_files(outcome& o, const aspects& compared);

/// "exit 0", "killed by SIGSEGV", "did not end".
std::string status_text(const outcome& o);
/// Fit for a message; empty where it is not text.
std::string first_line(const content& c);
/// "61 bytes: "tail: error waiting..."".
std::string content_text(const content& c);
/// Of one aspect: "exit 1".
std::string aspect_text(const outcome& o, std::string_view aspect);

} // namespace nmisim::exec
