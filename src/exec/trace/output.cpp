// SPDX-License-Identifier: MIT
#include "exec/trace/output.hpp"

#include "base/start_thread.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::size_t most_kept = 4096;
constexpr std::size_t chunk_bytes = 65536;

} // namespace

std::array<int, 2> new_pipe()
{
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot make a pipe (ulimit -n)");
    return ends;
}

void close_it(int& fd) noexcept
{
    if (fd >= 0)
        close(fd);
    fd = -1;
}

void content::add(std::string_view more)
{
    constexpr std::uint64_t prime = 0x100000001b3;
    for (const char c : more)
        hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    bytes += more.size();
    head += more.substr(0, most_kept - std::min(most_kept, head.size()));
}

content content_of_file(const std::string& path)
{
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    content c;
    std::vector<char> chunk(chunk_bytes);
    ssize_t n = -1;
    while (fd >= 0 && ((n = read(fd, chunk.data(), chunk.size())) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            c.add({chunk.data(), static_cast<std::size_t>(n)});
    const int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        throw std::system_error(error, std::generic_category(), "cannot read " + path);
    return c;
}

output_pipes::output_pipes() : chunk_(chunk_bytes), pipes_{new_pipe(), new_pipe()}, end_(new_pipe())
{
    for (const auto& p : pipes_)
        fcntl(p[0], F_SETFL, O_NONBLOCK);
}

output_pipes::~output_pipes()
{
    finish();
    for (auto* const p : {&pipes_[0], &pipes_[1], &end_})
        for (int& fd : *p)
            close_it(fd);
}

void output_pipes::start()
{
    for (auto& p : pipes_)
        close_it(p[1]);
    thread_ = start_thread("the thread that takes the program's output", [this] { work(); });
}

void output_pipes::finish()
{
    close_it(end_[1]);
    if (thread_.joinable())
        thread_.join();
}

std::array<content, 2> output_pipes::so_far()
{
    const std::lock_guard lock(mutex_);
    take(0);
    take(1);
    return taken;
}

void output_pipes::go_back(const std::array<content, 2>& to)
{
    const std::lock_guard lock(mutex_);
    taken = to;
}

bool output_pipes::is_ours(std::uint64_t inode) const noexcept
{
    return std::any_of(pipes_.begin(), pipes_.end(), [&](const auto& p) {
        struct stat pipe {};
        return fstat(p[0], &pipe) == 0 && pipe.st_ino == inode;
    });
}

/// False: nothing more can come.
bool output_pipes::take(int which)
{
    const auto index = static_cast<std::size_t>(which);
    while (true) {
        const ssize_t n = read(pipes_[index][0], chunk_.data(), chunk_.size());
        if (n > 0)
            taken[index].add({chunk_.data(), static_cast<std::size_t>(n)});
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        else if (errno == EAGAIN)
            return true;
    }
}

void output_pipes::work()
{
    std::array<pollfd, 3> all{{{pipes_[0][0], POLLIN, 0}, {pipes_[1][0], POLLIN, 0}, {end_[0], POLLIN, 0}}};
    bool ended = false;
    while (!ended && (all[0].fd >= 0 || all[1].fd >= 0)) {
        poll(all.data(), all.size(), -1);
        ended = all[2].revents != 0; // before the last look: what was written before is seen
        const std::lock_guard lock(mutex_);
        for (int which = 0; which < 2; ++which)
            if (pollfd& p = all[static_cast<std::size_t>(which)]; p.fd >= 0 && !take(which))
                p.fd = -1;
    }
}

} // namespace nmisim::exec
