// SPDX-License-Identifier: MIT
//
// The reports at the end of a verb: each is attempted. One that cannot be written is told on standard error, and keeps
// neither the others from being written nor a verdict from the exit code: the text comes first.
#pragma once

#include <functional>
#include <string>

namespace nmisim::cli {

class report_writer {
public:
    using maker = std::function<std::string()>;

    void to_stdout(const maker& make);

    /// Nothing is made for an empty path: that report was not asked for.
    void to_file(const std::string& path, const maker& make);

    bool all_written() const noexcept { return stdout_written_ && files_written_; }

    /// `verdict`, the exit code of what was run; or exit_could_not_run, where nobody can read what it was, or a file is
    /// missing and nothing was found that goes before.
    int exit_code(int verdict) const noexcept;

private:
    bool stdout_written_ = true;
    bool files_written_ = true;
};

} // namespace nmisim::cli
