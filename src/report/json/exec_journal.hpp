// SPDX-License-Identifier: MIT
//
// FILE.journal beside the FILE of --output: the runs without NMIs on one line, then a line for each call, or instruction, that is
// finished. Each is written as it comes, so that it is there if nmi-sim is killed; `nmi-sim merge` reads it, and --resume goes on
// from it. It goes when the report is there.
#pragma once

#include "exec/exec_report.hpp"

#include <string>

namespace nmisim::exec {

class exec_journal {
public:
    explicit exec_journal(std::string path) : path_(std::move(path)) {}
    ~exec_journal();
    exec_journal(const exec_journal&) = delete;
    exec_journal& operator=(const exec_journal&) = delete;

    /// Writes what is new. Errors: std::system_error.
    void write(const exec_report& r);
    /// The report is there.
    void remove() noexcept;

private:
    void begin(const exec_report& r);

    const std::string path_;
    int fd_ = -1;
    std::size_t written_ = 0; ///< calls or instructions
};

} // namespace nmisim::exec
