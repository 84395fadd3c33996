// SPDX-License-Identifier: MIT
#include "exec/jobs.hpp"

#include "base/clock.hpp"
#include "base/write_all.hpp"
#include "exec/packed.hpp"
#include "exec/trace/launch.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

struct worker {
    pid_t pid = -1;
    int fd = -1;
    std::string text; ///< that has come
    bool finished = false;
};

class workers {
public:
    workers(comparison& c, unsigned jobs, std::size_t count,
            const std::function<placement(std::size_t)>& work)
        : c_(c)
    {
        for (unsigned i = 0; i < jobs; ++i)
            start({i + 1, jobs}, count, work);
    }
    ~workers() { end(SIGKILL); }
    workers(const workers&) = delete;
    workers& operator=(const workers&) = delete;

    void wait(const std::function<void(placement)>& done)
    {
        constexpr int look_again_ms = 50;
        std::optional<ended> why;
        while (true) {
            std::vector<pollfd> open;
            for (const worker& w : all_)
                if (w.fd >= 0)
                    open.push_back({w.fd, POLLIN, 0});
            if (open.empty())
                break;
            poll(open.data(), open.size(), look_again_ms);
            c_.wakes().wait(now_ns());
            if (c_.stop_signal() != 0 || why)
                for (const worker& w : all_)
                    if (w.fd >= 0)
                        kill(w.pid, SIGTERM);
            for (worker& w : all_)
                take(w, done, why);
        }
        end(0);
        c_.end_if_stopped();
        if (why)
            throw *why;
        for (const worker& w : all_)
            if (!w.finished)
                throw ended{exec_verdict::not_comparable,
                            "a worker of --jobs ended before its work was done"};
    }

private:
    void start(share part, std::size_t count, const std::function<placement(std::size_t)>& work)
    {
        std::array<int, 2> ends = new_pipe();
        const pid_t us = getpid();
        const pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != us)
                _exit(1);
            for (const worker& w : all_)
                close(w.fd);
            close(ends[0]);
            be_worker(part, count, work, ends[1]);
        }
        close_it(ends[1]);
        if (pid < 0) {
            const int error = errno;
            close_it(ends[0]);
            throw std::system_error(error, std::generic_category(), "cannot fork (ulimit -u)");
        }
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        all_.push_back({pid, ends[0], {}, false});
    }

    [[noreturn]] void be_worker(share part, std::size_t count,
                                const std::function<placement(std::size_t)>& work, int to)
    {
        adopt_orphans();
        const auto tell = [to](const std::string& text) {
            if (write_all(to, text) != 0)
                _exit(1);
        };
        std::string last = packed(std::monostate{});
        try {
            for (std::size_t i = 0; i < count; ++i)
                if (part.has(i))
                    tell(packed(work(i)));
        } catch (const ended& e) {
            last = packed(e);
        } catch (const std::exception& e) {
            last = packed(ended{exec_verdict::not_comparable, e.what()});
        }
        tell(packed(c_.report.unstable) + last);
        _exit(0);
    }

    void take(worker& w, const std::function<void(placement)>& done, std::optional<ended>& why)
    {
        std::array<char, 16384> piece;
        ssize_t n = -1;
        while (w.fd >= 0 && (n = read(w.fd, piece.data(), piece.size())) > 0)
            w.text.append(piece.data(), static_cast<std::size_t>(n));
        if (n == 0)
            close_it(w.fd);
        while (std::optional<message> m = next_message(w.text)) {
            if (auto* const p = std::get_if<placement>(&*m))
                done(std::move(*p));
            else if (auto* const e = std::get_if<ended>(&*m))
                why = why ? why : *e;
            else if (auto* const unstable = std::get_if<aspects>(&*m))
                c_.take_as_unstable(*unstable);
            else
                w.finished = true;
        }
    }

    void end(int signal) noexcept
    {
        for (worker& w : all_) {
            close_it(w.fd);
            if (w.pid > 0 && signal != 0)
                kill(w.pid, signal);
            while (w.pid > 0 && waitpid(w.pid, nullptr, 0) < 0 && errno == EINTR) {
            }
            w.pid = -1;
        }
    }

    comparison& c_;
    std::vector<worker> all_;
};

} // namespace

void run_jobs(comparison& c, unsigned jobs, std::size_t count,
              const std::function<placement(std::size_t)>& work, const std::function<void(placement)>& done)
{
    workers(c, jobs, count, work).wait(done);
}

} // namespace nmisim::exec
