// SPDX-License-Identifier: MIT
//
// Signals that are pending on a thread which will not take them any more. They come off; those of the program's own are the
// process's again, when the last has been taken: the thread would take them once more.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>

namespace nmisim::runtime {

/// Context: the thread, with the signal blocked.
class pending_signals {
public:
    explicit pending_signals(int signo) noexcept : signo_(signo) {}
    ~pending_signals(); ///< hands back
    pending_signals(const pending_signals&) = delete;
    pending_signals& operator=(const pending_signals&) = delete;

    /// The next one; false if there is none.
    bool next(siginfo_t& info) noexcept;
    /// The one that was taken last is none of ours. What there is no room for is lost.
    void is_foreign(const siginfo_t& info) noexcept
    {
        if (has_room())
            foreign_[count_++] = info;
    }
    bool has_room() const noexcept { return count_ < foreign_.size(); }

private:
    int signo_;
    std::array<siginfo_t, 16> foreign_;
    std::size_t count_ = 0;
};

} // namespace nmisim::runtime
