// SPDX-License-Identifier: MIT
#include "exec/call_table.hpp"

#include "exec/call_site.hpp"
#include "exec/trace/memory.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim::exec {

namespace {

constexpr std::size_t most_sites = 256;

std::uint64_t changes(const call_row& r) noexcept
{
    return r.short_count + r.eintr;
}

} // namespace

// The word at the stack's top tells callers of one function of the C library apart: it is the return address of those
// without a frame.
const std::string& call_table::site_of(const task& t, const interrupted& at)
{
    static const std::string none;
    const place key{t.in->path, t.in->exe, at.call, at.ip, read_word(t.tid, at.sp).value_or(0)};
    if (const auto found = sites_.find(key); found != sites_.end())
        return found->second;
    if (sites_.size() >= most_sites)
        return none;
    return sites_[key] = site_text(frames_of(t.in->tgid, t.tid, at.ip));
}

void call_table::note(const task& t, const interrupted& at, bool restart)
{
    interruption what = interruption_of(at, restart);
    std::optional<short_transfer> cut;
    if (what == interruption::done && (cut = short_transfer_of(t.in->tgid, at)))
        what = interruption::short_count;
    const bool in_call = what != interruption::none;
    const std::string site = in_call && what != interruption::done ? site_of(t, at) : std::string();
    const long nr = in_call ? at.call : -1;
    call_row& row = rows_[{t.in->path, t.in->exe, nr, site}];
    row.path = t.in->path;
    row.exe = t.in->exe;
    row.nr = nr;
    row.site = site;
    ++row.nmis;
    row.restarted += what == interruption::restarted ? 1 : 0;
    row.eintr += what == interruption::eintr ? 1 : 0;
    row.short_count += cut ? 1 : 0;
    row.done += what == interruption::done ? 1 : 0;
    if (cut && row.detail.empty())
        row.detail = fmt::format("{} of {}, {}", cut->moved, cut->asked, cut->file);
}

std::vector<call_row> call_table::rows() const
{
    std::vector<call_row> all;
    for (const auto& [key, row] : rows_)
        all.push_back(row);
    std::stable_sort(all.begin(), all.end(), [](const call_row& a, const call_row& b) {
        return std::tuple(changes(a) != 0, changes(a), a.restarted) >
               std::tuple(changes(b) != 0, changes(b), b.restarted);
    });
    return all;
}

} // namespace nmisim::exec
