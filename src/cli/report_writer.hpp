// SPDX-License-Identifier: MIT
//
// The reports at the end of a verb, the text first. A failed write is reported on standard error; the others still run,
// and the exit code still gives the verdict.
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
