// SPDX-License-Identifier: MIT
#include "exec/call_site.hpp"

#include <algorithm>

namespace nmisim::exec {

namespace {

std::string text_of(const frame& f)
{
    return f.source.empty() ? f.name : f.name + " (" + f.source + ")";
}

} // namespace

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
