// SPDX-License-Identifier: MIT
#include "report/json/exec_journal.hpp"

#include "report/output_file.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

std::size_t lines(const exec_report& r)
{
    return r.each_call ? r.placements.size() : r.sweep.runs.size();
}

std::string line(const exec_report& r, std::size_t i)
{
    return r.each_call ? journal_line(r.placements[i]) : journal_line(r.sweep.runs[i]);
}

} // namespace

exec_journal::~exec_journal()
{
    if (fd_ >= 0)
        close(fd_);
}

/// What was there, and is gone on from, is in `r`. A kill leaves the one or the other, whole.
void exec_journal::begin(const exec_report& r)
{
    std::string text = journal_head(r);
    for (; written_ < lines(r); ++written_)
        text += line(r, written_);
    if (file_behind(path_) != path_) // a link that another user may have put there
        throw std::system_error(ELOOP, std::generic_category(), "cannot write " + path_);
    write_output_file(path_, text);
    fd_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "cannot write " + path_);
}

void exec_journal::write(const exec_report& r)
{
    if (!r.each_call && r.sweep.path.empty())
        return; // it has not begun
    if (fd_ < 0)
        begin(r);
    for (; written_ < lines(r); ++written_) {
        const std::string text = line(r, written_);
        // One write a line: a kill leaves whole lines.
        if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            throw std::system_error(errno, std::generic_category(), "cannot write " + path_);
    }
}

void exec_journal::remove() noexcept
{
    if (fd_ >= 0)
        unlink(path_.c_str());
}

} // namespace nmisim::exec
