// SPDX-License-Identifier: MIT
#include "cli/options/input_file.hpp"

#include "base/shown_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace nmisim::cli {

namespace {

[[noreturn]] void fail(const std::string& path, int error, const char* why = "")
{
    constexpr std::size_t most_of_a_path = 300;
    throw std::system_error(error, std::generic_category(),
                            fmt::format("cannot read {}{}", shown(path, most_of_a_path), why));
}

struct descriptor {
    int fd;
    ~descriptor() { close(fd); }
};

} // namespace

std::string read_whole_file(const std::string& path, std::size_t most)
{
    const descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (file.fd < 0)
        fail(path, errno);
    std::string text;
    std::array<char, 16'384> piece;
    for (;;) {
        const ssize_t n = read(file.fd, piece.data(), piece.size());
        if (n == 0)
            return text;
        if (n < 0 && errno == EAGAIN) { // a pipe that somebody has made non-blocking
            pollfd ready{file.fd, POLLIN, 0};
            poll(&ready, 1, -1);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail(path, errno);
        text.append(piece.data(), static_cast<std::size_t>(n));
        if (text.size() > most)
            fail(path, EFBIG, fmt::format(": more than {} KiB", most / 1024).c_str());
    }
}

} // namespace nmisim::cli
