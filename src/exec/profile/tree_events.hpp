// SPDX-License-Identifier: MIT
//
// What happens in a tree of processes, without a stop of any of them: births, ends, programs executed, files mapped to be
// executed. The kernel writes it down for perf(1), and for us: a software event that counts nothing, opened for the command on
// each CPU and inherited by all that it starts. Context: control.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace nmisim::exec {

struct tree_event {
    enum class kind { birth, end, executed, named, mapped, lost };
    tree_event::kind kind;
    std::uint64_t time = 0;
    pid_t pid = 0; ///< process
    pid_t tid = 0;
    pid_t parent = 0; ///< of a birth: the process that made it; of a thread its own
    std::string text; ///< of `executed` and `named` the thread's name, of `mapped` the file
    std::uintptr_t start = 0;
    std::uintptr_t bytes = 0;
    std::uint64_t offset = 0; ///< in the file
    std::uint64_t lost = 0;   ///< so many events
};

class tree_events {
public:
    /// Of `command` and all that it will start. Errors: std::system_error.
    explicit tree_events(pid_t command);
    ~tree_events();
    tree_events(const tree_events&) = delete;
    tree_events& operator=(const tree_events&) = delete;

    /// Readable when there is something.
    const std::vector<int>& descriptors() const noexcept { return fds_; }
    /// All that has happened up to now, in order.
    std::vector<tree_event> read();

private:
    void close_all() noexcept;
    void read(void* ring, std::vector<tree_event>& to);

    std::vector<int> fds_;
    std::vector<void*> rings_;
};

} // namespace nmisim::exec
