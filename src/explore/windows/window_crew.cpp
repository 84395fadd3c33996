// SPDX-License-Identifier: MIT
#include "explore/windows/window_crew.hpp"

#include "base/write_all.hpp"
#include "explore/watch/child.hpp"
#include "explore/windows/report_bytes.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

// False: the other end is gone.
bool read_fully(int fd, void* to, std::size_t size)
{
    for (auto* at = static_cast<char*>(to); size != 0;) {
        const ssize_t n = ::read(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

bool send_number(int fd, std::size_t n)
{
    return write_all(fd, {reinterpret_cast<const char*>(&n), sizeof n}) == 0;
}

struct work_for_a_process {
    const std::vector<window_job>& jobs;
    int fd;
    int others_end;
};

// Body of a process: the number of a job comes in, its report goes out.
int explore_what_comes(void* argument)
{
    const work_for_a_process& w = *static_cast<work_for_a_process*>(argument);
    close(w.others_end);
    for (std::size_t n = 0; read_fully(w.fd, &n, sizeof n);) {
        const std::string bytes = to_bytes(w.jobs[n].explore());
        if (!send_number(w.fd, bytes.size()) || write_all(w.fd, bytes) != 0)
            return 1;
    }
    return 0;
}

/// Ends with this object, and so do the children that it watches.
class crew_process {
public:
    explicit crew_process(const std::vector<window_job>& jobs)
    {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::system_error(errno, std::generic_category(), "socketpair of a process that explores");
        fd_ = ends[0];
        work_for_a_process work{jobs, ends[1], ends[0]};
        try {
            pid_ = start_child(explore_what_comes, &work);
        } catch (...) {
            close(ends[0]);
            close(ends[1]);
            throw;
        }
        close(ends[1]);
    }
    ~crew_process()
    {
        close(fd_);
        kill(pid_, SIGKILL);
        static_cast<void>(wait_child(pid_));
    }
    crew_process(const crew_process&) = delete;
    crew_process& operator=(const crew_process&) = delete;

    int fd() const noexcept { return fd_; }
    std::optional<std::size_t> at() const noexcept { return at_; }
    void begin(std::size_t n)
    {
        at_ = n;
        static_cast<void>(send_number(fd_, n)); // it is gone: report() will tell
    }
    /// Empty: it is gone.
    std::optional<any_report> report()
    {
        std::size_t size = 0;
        std::string bytes;
        if (!read_fully(fd_, &size, sizeof size))
            return std::nullopt;
        bytes.resize(size);
        if (!read_fully(fd_, bytes.data(), size))
            return std::nullopt;
        at_.reset();
        return report_of_bytes(bytes);
    }

private:
    int fd_ = -1;
    pid_t pid_ = 0;
    std::optional<std::size_t> at_;
};

std::vector<std::size_t> long_ones_first(const std::vector<window_job>& jobs)
{
    std::vector<std::size_t> order(jobs.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_partition(order.begin(), order.end(), [&](std::size_t i) { return jobs[i].long_one; });
    return order;
}

} // namespace

bool explore_side_by_side(const std::vector<window_job>& jobs, unsigned at_a_time,
                          const std::function<void(std::size_t)>& begins,
                          const std::function<void(std::size_t, any_report)>& ends)
{
    const std::vector<std::size_t> order = long_ones_first(jobs);
    auto next = order.begin();
    std::vector<std::unique_ptr<crew_process>> crew;
    const auto begin_next = [&](crew_process& p) {
        if (next == order.end())
            return;
        begins(*next);
        p.begin(*next++);
    };
    while (crew.size() < std::min<std::size_t>(at_a_time, jobs.size()))
        crew.push_back(std::make_unique<crew_process>(jobs));
    for (const auto& p : crew)
        begin_next(*p);
    std::map<std::size_t, any_report> early; // those before them are not there yet
    for (std::size_t told = 0; told < jobs.size();) {
        constexpr int look_every_ms = 100;
        std::vector<pollfd> wait_for;
        for (const auto& p : crew)
            wait_for.push_back({p->fd(), static_cast<short>(p->at() ? POLLIN : 0), 0});
        ::poll(wait_for.data(), wait_for.size(), look_every_ms);
        if (stop_asked.load(std::memory_order_relaxed)) // nothing was written that this thread reads
            return false;
        for (std::size_t i = 0; i < crew.size(); ++i) {
            if (!crew[i]->at() || wait_for[i].revents == 0)
                continue;
            const std::size_t n = *crew[i]->at();
            std::optional<any_report> r = crew[i]->report();
            if (!r && stop_asked.load(std::memory_order_relaxed)) // as above
                return false;
            if (!r)
                throw std::runtime_error("a process that explores has ended before its report");
            begin_next(*crew[i]);
            early.emplace(n, std::move(*r));
        }
        for (; !early.empty() && early.begin()->first == told; ++told) {
            ends(told, std::move(early.begin()->second));
            early.erase(early.begin());
        }
    }
    return true;
}

} // namespace nmisim::explore
