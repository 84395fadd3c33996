// SPDX-License-Identifier: MIT
#include "exec/call_site.hpp"

#include "explore/place/places.hpp"
#include "explore/watch/child.hpp"

#include <algorithm>
#include <string_view>

namespace nmisim::exec {

namespace {

std::string text_of(const frame& f)
{
    return f.source.empty() ? f.name : f.name + " (" + f.source + ")";
}

constexpr std::size_t site_frames = 8;

bool is_library(std::string_view object)
{
    for (const std::string_view name : {"libc.", "libc-", "libpthread", "ld-linux", "ld-musl", "linux-vdso"})
        if (object.starts_with(name))
            return true;
    return false;
}

} // namespace

std::vector<frame> frames_of(pid_t tgid, pid_t tid, std::uintptr_t ip)
{
    auto ips = explore::stack_of(tgid, tid, explore::held_by::its_tracer, site_frames);
    if (ips.empty())
        ips.push_back(ip);
    explore::places places(explore::maps_of(tgid));
    std::vector<frame> frames;
    for (std::size_t i = 0; i < ips.size(); ++i) {
        explore::place where = places.of(ips[i]);
        // Shown is the return address; the call in front of it may be on another line.
        if (i != 0)
            ++(where.symbol.empty() ? where.object_offset : where.offset);
        frames.push_back({explore::name_of(where), where.source, is_library(where.object)});
    }
    return frames;
}

std::string site_text(const std::vector<frame>& frames)
{
    if (frames.empty())
        return {};
    // In a static program the C library's function is in the same file: it is skipped as the innermost frame.
    auto caller = std::find_if(frames.begin() + 1, frames.end(), [](const frame& f) { return !f.library; });
    if (caller == frames.end())
        caller = frames.size() > 1 ? frames.begin() + 1 : frames.begin();
    return caller == frames.begin() ? text_of(*caller) : text_of(frames.front()) + " < " + text_of(*caller);
}

} // namespace nmisim::exec
