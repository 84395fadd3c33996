// SPDX-License-Identifier: MIT
#include "report/output_file.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nmisim {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, int error = errno)
{
    throw std::system_error(error, std::generic_category(), what);
}

void write_all(int fd, std::string_view text, const std::string& path)
{
    while (!text.empty()) {
        const ssize_t n = write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail("cannot write " + path);
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

/// Closes once, and says so: with some file systems a full disk is told only here.
void close_checked(int fd, const std::string& path)
{
    if (close(fd) != 0)
        fail("cannot write " + path);
}

bool exists_and_is_special(const std::string& path)
{
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

std::string parent_of(const std::string& path)
{
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// Blocks Ctrl-C until the file is in place.
struct stop_signals_wait {
    sigset_t before;
    stop_signals_wait()
    {
        sigset_t stops;
        sigemptyset(&stops);
        sigaddset(&stops, SIGINT);
        sigaddset(&stops, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &stops, &before);
    }
    ~stop_signals_wait() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    stop_signals_wait(const stop_signals_wait&) = delete;
    stop_signals_wait& operator=(const stop_signals_wait&) = delete;
};

/// Removes the temporary file on every way out that did not rename it.
struct temporary {
    std::string path;
    int fd = -1;
    ~temporary()
    {
        if (fd >= 0)
            close(fd);
        if (!path.empty())
            unlink(path.c_str());
    }
};

void write_in_place(const std::string& path, std::string_view text)
{
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        fail("cannot open " + path);
    const temporary closer{"", fd};
    write_all(fd, text, path);
}

} // namespace

std::string file_behind(const std::string& path)
{
    constexpr int most_links = 40; // as the kernel
    std::error_code none;
    fs::path file = path;
    for (int links = 0; fs::is_symlink(fs::symlink_status(file, none)); ++links) {
        if (links == most_links)
            fail("cannot write " + path, ELOOP);
        file = file.parent_path() / fs::read_symlink(file, none); // an absolute one stands for itself
    }
    return file.string();
}

void write_output_file(const std::string& path, std::string_view text)
{
    if (exists_and_is_special(path))
        return write_in_place(path, text);

    const std::string target = file_behind(path);
    const stop_signals_wait wait; // outlives `file`
    temporary file{target + ".tmp." + std::to_string(getpid()), -1};
    file.fd = open(file.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file.fd < 0) {
        const int error = errno;
        const std::string name = std::exchange(file.path, "");
        fail("cannot create " + name, error);
    }
    write_all(file.fd, text, path);
    if (fsync(file.fd) != 0)
        fail("cannot write " + path);
    close_checked(std::exchange(file.fd, -1), path);
    if (rename(file.path.c_str(), target.c_str()) != 0)
        fail("cannot rename to " + path);
    file.path.clear();
}

void check_output_file(const std::string& path)
{
    if (path.empty())
        fail("cannot write to a file without a name", ENOENT);
    struct stat info {};
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
        fail("cannot write " + path, EISDIR);
    if (exists_and_is_special(path)) {
        if (access(path.c_str(), W_OK) != 0)
            fail("cannot write " + path);
        return;
    }
    if (access(parent_of(file_behind(path)).c_str(), W_OK | X_OK) != 0)
        fail("cannot write " + path);
}

} // namespace nmisim
