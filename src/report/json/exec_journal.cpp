// SPDX-License-Identifier: MIT
#include "report/json/exec_journal.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace nmisim::exec {

exec_journal::~exec_journal()
{
    if (fd_ >= 0)
        close(fd_);
}

void exec_journal::append(const std::string& text)
{
    // One write a line: a kill leaves whole lines.
    if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw std::system_error(errno, std::generic_category(), "cannot write " + path_);
}

void exec_journal::write(const exec_report& r)
{
    if (!r.each_call)
        return;
    if (fd_ < 0) {
        fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), "cannot write " + path_);
        append(journal_head(r));
    }
    for (; written_ < r.placements.size(); ++written_)
        append(journal_line(r.placements[written_]));
}

void exec_journal::remove() noexcept
{
    if (fd_ >= 0)
        unlink(path_.c_str());
}

} // namespace nmisim::exec
