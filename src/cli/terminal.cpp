// SPDX-License-Identifier: MIT
#include "cli/terminal.hpp"

#include "base/shown_text.hpp"
#include "base/write_all.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <system_error>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace nmisim::cli {

namespace {

/// An environment variable that is there and not empty, as the convention of NO_COLOR wants it.
bool set_in_environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

} // namespace

void prepare_streams()
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
                break;                     // no /dev/null: nothing better can be done
    for (const int s : {SIGPIPE, SIGXFSZ}) // the write itself reports them: EPIPE, EFBIG
        std::signal(s, SIG_IGN);
}

bool use_color(color_when when, int fd)
{
    if (when != color_when::automatic)
        return when == color_when::always;
    if (set_in_environment("NO_COLOR"))
        return false;
    if (set_in_environment("FORCE_COLOR") || set_in_environment("CLICOLOR_FORCE"))
        return true;
    return can_redraw(fd);
}

bool can_redraw(int fd)
{
    const char* const terminal = std::getenv("TERM");
    return isatty(fd) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

int help_columns()
{
    winsize size{};
    int columns = 80;
    if (const char* const asked = std::getenv("COLUMNS"); asked != nullptr && std::atoi(asked) > 0)
        columns = std::atoi(asked);
    else if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return std::clamp(columns, 60, 110);
}

void write_stdout(std::string_view text)
{
    const int error = write_all(STDOUT_FILENO, text);
    if (error != 0 && error != EPIPE)
        throw std::system_error(error, std::generic_category(), "cannot write to standard output");
}

void write_stderr(std::string_view text) noexcept
{
    static_cast<void>(write_all(STDERR_FILENO, text));
}

void say(std::string_view message)
{
    constexpr std::size_t most_of_a_message = 2000;
    write_stderr("nmi-sim: " + shown(message, most_of_a_message) + "\n");
}

} // namespace nmisim::cli
