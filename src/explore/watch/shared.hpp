// SPDX-License-Identifier: MIT
//
// Memory that a child process leaves behind when it crashes: anonymous, shared, zeroed, at the same address
// in parent and child. Pages cost nothing until touched, so capacities are generous.
#pragma once

#include "explore/step/recording.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <system_error>
#include <type_traits>

#include <sys/mman.h>

namespace nmisim::explore {

template <class T>
class shared_array {
    static_assert(std::is_trivially_destructible_v<T>);

public:
    explicit shared_array(std::size_t count) : bytes_(count * sizeof(T) + 1), count_(count)
    {
        void* p =
            mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED)
            throw std::system_error(errno, std::generic_category(),
                                    "mmap of memory shared with a child process");
        data_ = static_cast<T*>(p); // all zero is the initial state of every T used here
    }
    ~shared_array() { munmap(data_, bytes_); }
    shared_array(const shared_array&) = delete;
    shared_array& operator=(const shared_array&) = delete;

    T& operator[](std::size_t i) noexcept { return data_[i]; }
    const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    T* data() noexcept { return data_; }
    T* operator->() noexcept { return data_; }
    std::size_t size() const noexcept { return count_; }

private:
    std::size_t bytes_;
    std::size_t count_;
    T* data_;
};

/// The boundaries of a recording, `most` of them.
struct shared_boundaries {
    shared_boundaries(recording& of, std::uint32_t most) : ip(most), code(most)
    {
        of.ip = ip.data();
        of.code = code.data();
        of.capacity = most;
    }
    shared_array<std::uintptr_t> ip;
    shared_array<code_bytes> code;
};

/// A text of bounded length in shared memory.
template <std::size_t N>
struct shared_text {
    char text[N];
    void set(const char* from) noexcept
    {
        std::size_t i = 0;
        for (; from != nullptr && from[i] != 0 && i + 1 < N; ++i)
            text[i] = from[i];
        text[i] = 0;
    }
};

/// Texts, each of them once.
struct shared_texts {
    std::uint32_t count;
    shared_text<160> all[64];
    /// Index + 1 of the text.
    std::uint8_t remember(const char* text) noexcept
    {
        for (std::uint32_t i = 0; i < count; ++i)
            if (std::strncmp(all[i].text, text, sizeof all[i].text - 1) == 0)
                return static_cast<std::uint8_t>(i + 1);
        if (count == std::size(all))
            return static_cast<std::uint8_t>(count);
        const bool last = count + 1 == std::size(all);
        all[count].set(last ? "and others: more texts than a map keeps" : text);
        return static_cast<std::uint8_t>(++count);
    }
};

} // namespace nmisim::explore
