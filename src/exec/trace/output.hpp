// SPDX-License-Identifier: MIT
//
// What a program writes to its standard output and error: taken from pipes by a thread, counted and hashed, the beginning
// kept to be shown. It ends with the program: what a daemon that it left behind writes later is not waited for.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace nmisim::exec {

struct content {
    std::uint64_t bytes = 0;
    std::uint64_t hash = 0xcbf29ce484222325; ///< FNV-1a
    std::string head;                        ///< the first bytes

    void add(std::string_view more);
    bool operator==(const content& other) const noexcept
    {
        return bytes == other.bytes && hash == other.hash;
    }
};

/// Of the file at `path`; without its head. Errors: std::system_error.
content content_of_file(const std::string& path);

/// Closed at an exec. Errors: std::system_error.
std::array<int, 2> new_pipe();
/// -1 from then on; nothing where it was.
void close_it(int& fd) noexcept;

class output_pipes {
public:
    /// Errors: std::system_error.
    output_pipes();
    ~output_pipes();
    output_pipes(const output_pipes&) = delete;
    output_pipes& operator=(const output_pipes&) = delete;

    /// What the program writes to: 0 standard output, 1 standard error.
    int write_end(int which) const noexcept { return pipes_[static_cast<std::size_t>(which)][1]; }
    /// The program has been started; our own write ends are closed.
    void start();
    /// It has ended: takes what is in the pipes, and waits for no more.
    void finish();

    /// All that has been written until now. Context: control; whoever writes is stopped, or has ended.
    std::array<content, 2> so_far();
    /// As if this were all that was written.
    void go_back(const std::array<content, 2>& to);
    /// Whether that is the number of one of its pipes.
    bool is_ours(std::uint64_t inode) const noexcept;

    std::array<content, 2> taken; ///< behind finish()

private:
    void work();
    bool take(int which);

    std::mutex
        mutex_; ///< protects `taken` and the chunk while the thread lives; held while reading, never while waiting
    std::vector<char> chunk_;

    std::array<std::array<int, 2>, 2> pipes_{{{-1, -1}, {-1, -1}}};
    std::array<int, 2> end_{-1, -1};
    std::thread thread_;
};

} // namespace nmisim::exec
