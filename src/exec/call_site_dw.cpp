// SPDX-License-Identifier: MIT
#include "exec/call_site.hpp"
#include "exec/trace/proc_files.hpp"
#include "explore/place/places.hpp"

#include <memory>

#include <elfutils/libdwfl.h>

namespace nmisim::exec {

namespace {

char* no_debuginfo_path = nullptr;

// Never debuginfod: a run must not go to the network.
int no_separate_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word,
                          char**)
{
    return -1;
}

const Dwfl_Callbacks callbacks{
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = no_separate_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = &no_debuginfo_path,
};

struct close_dwfl {
    void operator()(Dwfl* d) const noexcept { dwfl_end(d); }
};

constexpr std::size_t most_frames = 8;

int add_frame(Dwfl_Frame* at, void* to)
{
    auto& all = *static_cast<std::vector<std::uintptr_t>*>(to);
    Dwarf_Addr pc = 0;
    bool activation = false;
    if (!dwfl_frame_pc(at, &pc, &activation))
        return DWARF_CB_ABORT;
    all.push_back(static_cast<std::uintptr_t>(pc));
    return all.size() < most_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

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
    std::vector<std::uintptr_t> ips;
    const std::unique_ptr<Dwfl, close_dwfl> d{dwfl_begin(&callbacks)};
    if (d != nullptr && dwfl_linux_proc_report(d.get(), tgid) == 0 &&
        dwfl_report_end(d.get(), nullptr, nullptr) == 0 && dwfl_linux_proc_attach(d.get(), tgid, true) == 0)
        dwfl_getthread_frames(d.get(), tid, add_frame, &ips); // an error leaves the frames found so far
    if (ips.empty())
        ips.push_back(ip);
    explore::places places(explore::maps_of(tgid));
    std::vector<frame> frames;
    for (std::size_t i = 0; i < ips.size(); ++i) {
        // A return address is behind its call, and may be the next line's.
        explore::place where = places.of(ips[i] - (i == 0 ? 0 : 1));
        if (i != 0)
            ++(where.symbol.empty() ? where.object_offset : where.offset);
        frames.push_back({explore::name_of(where), where.object, where.source, is_library(where.object)});
    }
    return frames;
}

} // namespace nmisim::exec
