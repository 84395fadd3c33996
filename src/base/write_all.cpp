// SPDX-License-Identifier: MIT
#include "base/write_all.hpp"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace nmisim {

int write_all(int fd, std::string_view text) noexcept
{
    while (!text.empty()) {
        const ssize_t n = write(fd, text.data(), text.size());
        if (n >= 0) {
            text.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) { // full, and somebody has made it non-blocking: not for us to give up
            pollfd room{fd, POLLOUT, 0};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

} // namespace nmisim
