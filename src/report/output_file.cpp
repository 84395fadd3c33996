// SPDX-License-Identifier: MIT
#include "report/output_file.hpp"

#include "base/shown_text.hpp"
#include "base/signal_mask.hpp"
#include "base/write_all.hpp"

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nmisim {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, const std::string& path, int error = errno)
{
    constexpr std::size_t most_of_a_path = 300;
    throw std::system_error(error, std::generic_category(),
                            std::string(what) + " " + shown(path, most_of_a_path));
}

void write_checked(int fd, std::string_view text, const std::string& path)
{
    if (const int error = write_all(fd, text); error != 0)
        fail("cannot write", path, error);
}

/// Closes, and reports a failure: some file systems report a full disk only here.
void close_checked(int fd, const std::string& path)
{
    if (close(fd) != 0)
        fail("cannot write", path);
}

std::optional<struct stat> status_of(const std::string& path)
{
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? std::optional(info) : std::nullopt;
}

/// A name for a descriptor: /dev/stdout, /dev/fd/3. An open file must not be replaced under its other users.
bool names_a_descriptor(const fs::path& link)
{
    const std::string text = fs::absolute(link).lexically_normal().string();
    return text.starts_with("/proc/") && text.find("/fd/") != std::string::npos;
}

/// Follows the links of `path`; nothing where they lead to a descriptor.
std::optional<std::string> end_of_links(const std::string& path)
{
    constexpr int most_links = 40; // as the kernel
    std::error_code none;
    fs::path file = path;
    for (int links = 0; fs::is_symlink(fs::symlink_status(file, none)); ++links) {
        if (links == most_links)
            fail("cannot write", path, ELOOP);
        const fs::path folder = fs::canonical(fs::absolute(file.parent_path(), none), none);
        if (names_a_descriptor(folder / file.filename()))
            return std::nullopt;
        file = file.parent_path() / fs::read_symlink(file, none); // an absolute one replaces it
    }
    return file.string();
}

std::mutex unfinished_mutex; // protects `unfinished`; nothing nests inside, and it is not held while writing
std::string unfinished;      // the file beside, as long as it is there

void set_unfinished(std::string path)
{
    const std::lock_guard hold(unfinished_mutex);
    unfinished = std::move(path);
}

std::string random_letters()
{
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::random_device random;
    std::uniform_int_distribution<std::size_t> any(0, letters.size() - 1);
    std::string text;
    for (int i = 0; i < 12; ++i)
        text += letters[any(random)];
    return text;
}

/// The new file beside `target`, removed on every way out that did not rename it. As mkstemp(3), but where nothing is
/// replaced with the permissions that umask(2) and the folder give.
struct file_beside {
    std::string path;
    int fd = -1;

    file_beside(const std::string& target, bool replaces)
    {
        const mode_t mode = replaces ? 0600 : 0666; // a secret is none if it is read before fchmod(2)
        for (int attempts = 0; fd < 0 && attempts < 100; ++attempts) {
            path = (fs::path(target).parent_path() / (".nmi-sim." + random_letters())).string();
            set_unfinished(path);
            fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
            if (fd < 0 && errno != EEXIST)
                break;
        }
        if (fd < 0) {
            const int error = errno;
            set_unfinished("");
            fail("cannot write", target, error);
        }
    }
    ~file_beside()
    {
        if (fd >= 0)
            close(fd);
        if (!path.empty())
            unlink(path.c_str());
        set_unfinished("");
    }
    file_beside(const file_beside&) = delete;
    file_beside& operator=(const file_beside&) = delete;

    /// Owner, group and mode of `old`, as far as this process may give them: no group gets what another one had.
    void take_over(const struct stat& old) const
    {
        struct stat mine {};
        if (fstat(fd, &mine) != 0)
            return;
        // Not everybody may give a file to another owner. But who may write to a folder may replace files in it.
        static_cast<void>(mine.st_uid == old.st_uid || fchown(fd, old.st_uid, static_cast<gid_t>(-1)) == 0);
        mode_t mode = old.st_mode & 0777;
        if (mine.st_gid != old.st_gid && fchown(fd, static_cast<uid_t>(-1), old.st_gid) != 0)
            mode = (mode & 0707) | (mode & 07) << 3;
        static_cast<void>(fchmod(fd, mode)); // some file systems have no modes
    }
};

int open_in_place(const std::string& path, int flags)
{
    // Appended: /dev/stdout may be a file that has the text already.
    const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | flags);
    if (fd < 0)
        fail("cannot write", path);
    return fd;
}

} // namespace

std::string file_behind(const std::string& path)
{
    return end_of_links(path).value_or(path);
}

bool is_written_in_place(const std::string& path)
{
    const auto info = status_of(path);
    return (info && !S_ISREG(info->st_mode)) || !end_of_links(path);
}

void write_output_file(const std::string& path, std::string_view text)
{
    if (is_written_in_place(path)) {
        const int fd = open_in_place(path, 0);
        try {
            write_checked(fd, text, path);
        } catch (...) {
            close(fd);
            throw;
        }
        return close_checked(fd, path);
    }
    const std::string target = file_behind(path);
    const auto old = status_of(target);
    // Signals that would end the process wait until the file is complete and in its place: then it is as good as never
    // asked for. Outlives `file`.
    const signals_blocked wait;
    file_beside file(target, old.has_value());
    write_checked(file.fd, text, path);
    if (old)
        file.take_over(*old);
    if (fsync(file.fd) != 0)
        fail("cannot write", path);
    close_checked(std::exchange(file.fd, -1), path);
    if (rename(file.path.c_str(), target.c_str()) != 0)
        fail("cannot rename to", path);
    file.path.clear();
}

void check_output_file(const std::string& path)
{
    if (path.empty())
        fail("cannot write to a file without a name", "", ENOENT);
    const auto info = status_of(path);
    if (info && S_ISDIR(info->st_mode))
        fail("cannot write", path, EISDIR);
    if (is_written_in_place(path)) {
        if (info && S_ISFIFO(info->st_mode)) { // opening it would wait for a reader, or end one that is there
            if (access(path.c_str(), W_OK) != 0)
                fail("cannot write", path);
            return;
        }
        return close_checked(open_in_place(path, O_NONBLOCK), path);
    }
    const std::string target = file_behind(path);
    if (info) // not emptied: it is replaced at the end, or stays
        close_checked(open_in_place(target, O_NOFOLLOW), path);
    const signals_blocked wait;
    const file_beside probe(target, true);
}

void remove_unfinished_output() noexcept
{
    const std::lock_guard hold(unfinished_mutex);
    if (!unfinished.empty())
        unlink(unfinished.c_str());
}

} // namespace nmisim
