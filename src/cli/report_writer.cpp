// SPDX-License-Identifier: MIT
#include "cli/report_writer.hpp"

#include "cli/exit_code.hpp"
#include "cli/terminal.hpp"
#include "report/output_file.hpp"

#include <exception>
#include <new>

namespace nmisim::cli {

namespace {

/// False: it failed, and standard error says why.
bool attempt(const std::function<void()>& write)
{
    try {
        write();
        return true;
    } catch (const std::bad_alloc&) { // a timeline is large
        say("out of memory");
    } catch (const std::exception& e) {
        say(e.what());
    }
    return false;
}

} // namespace

void report_writer::to_stdout(const maker& make)
{
    stdout_written_ = attempt([&] { write_stdout(make()); }) && stdout_written_;
}

void report_writer::to_file(const std::string& path, const maker& make)
{
    if (!path.empty())
        files_written_ = attempt([&] { write_output_file(path, make()); }) && files_written_;
}

int report_writer::exit_code(int verdict) const noexcept
{
    const bool found = verdict == exit_check_failed || verdict == exit_threshold;
    return stdout_written_ && (files_written_ || found) ? verdict : exit_could_not_run;
}

} // namespace nmisim::cli
