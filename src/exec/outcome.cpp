// SPDX-License-Identifier: MIT
#include "exec/outcome.hpp"

#include "base/shown_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <sys/wait.h>

namespace nmisim::exec {

namespace {

constexpr std::string_view file_prefix = "file=";

const outcome::file* file_in(const outcome& o, std::string_view aspect)
{
    const std::string_view path = aspect.substr(file_prefix.size());
    const auto found =
        std::find_if(o.files.begin(), o.files.end(), [&](const auto& f) { return f.path == path; });
    return found == o.files.end() ? nullptr : &*found;
}

bool differ(const outcome& a, const outcome& b, std::string_view aspect)
{
    if (aspect == "status")
        return a.hang != b.hang || (!a.hang && a.status != b.status);
    if (a.hang != b.hang) // what was written until then says nothing
        return false;
    if (aspect == "stdout")
        return !(a.out == b.out);
    if (aspect == "stderr")
        return !(a.err == b.err);
    const outcome::file* const one = file_in(a, aspect);
    const outcome::file* const two = file_in(b, aspect);
    return one == nullptr || two == nullptr || one->there != two->there || !(one->what == two->what);
}

} // namespace

bool has(const aspects& all, std::string_view one)
{
    return std::find(all.begin(), all.end(), one) != all.end();
}

aspects differences(const outcome& a, const outcome& b, const aspects& compared)
{
    aspects found;
    for (const std::string& aspect : compared)
        if (differ(a, b, aspect))
            found.push_back(aspect);
    return found;
}

void take_files(outcome& o, const aspects& compared)
{
    for (const std::string& aspect : compared) {
        if (!aspect.starts_with(file_prefix))
            continue;
        outcome::file f{aspect.substr(file_prefix.size()), false, {}};
        std::error_code none;
        f.there = std::filesystem::is_regular_file(f.path, none);
        if (f.there)
            f.what = content_of_file(f.path);
        o.files.push_back(std::move(f));
    }
}

std::string status_text(const outcome& o)
{
    if (o.hang)
        return "did not end";
    if (WIFSIGNALED(o.status)) {
        const char* const name = sigabbrev_np(WTERMSIG(o.status));
        return name != nullptr ? fmt::format("killed by SIG{}", name)
                               : fmt::format("killed by signal {}", WTERMSIG(o.status));
    }
    return fmt::format("exit {}", WEXITSTATUS(o.status));
}

std::string first_line(const content& c)
{
    constexpr std::size_t most = 60;
    const std::string_view line = std::string_view(c.head).substr(0, c.head.find('\n'));
    return has_controls(line) ? "" : shown(line, most);
}

std::string content_text(const content& c)
{
    std::string text = fmt::format("{} byte{}", c.bytes, c.bytes == 1 ? "" : "s");
    if (const std::string line = first_line(c); !line.empty())
        text += fmt::format(" '{}'", line);
    else if (c.bytes != 0)
        text += fmt::format(" (hash {:016x})", c.hash);
    return text;
}

std::string aspect_text(const outcome& o, std::string_view aspect)
{
    if (aspect == "status")
        return status_text(o);
    if (aspect == "stdout")
        return content_text(o.out);
    if (aspect == "stderr")
        return content_text(o.err);
    const outcome::file* const f = file_in(o, aspect);
    return f == nullptr || !f->there ? "no file" : content_text(f->what);
}

} // namespace nmisim::exec
