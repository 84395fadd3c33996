// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace nmisim::explore {

/// A file, read piece by piece: if it becomes shorter meanwhile, that is an error here, not a SIGBUS.
class file_view {
public:
    explicit file_view(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))
    {}
    ~file_view()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    file_view(const file_view&) = delete;
    file_view& operator=(const file_view&) = delete;

    template <class T>
    std::optional<T> at(std::uint64_t offset) const noexcept
    {
        T value;
        if (pread(fd_, &value, sizeof value, static_cast<off_t>(offset)) !=
            static_cast<ssize_t>(sizeof value))
            return std::nullopt;
        return value;
    }
    std::string text(std::uint64_t offset) const
    {
        std::array<char, 512> start{};
        const ssize_t n = pread(fd_, start.data(), start.size(), static_cast<off_t>(offset));
        return n <= 0 ? std::string()
                      : std::string(start.data(), strnlen(start.data(), static_cast<std::size_t>(n)));
    }

private:
    int fd_;
};

} // namespace nmisim::explore
