// SPDX-License-Identifier: MIT
//
// Symbols, source lines and the stacks of stuck threads by elfutils. Static functions have names here too.
#include "explore/place/places.hpp"
#include "explore/watch/child.hpp"

#include <cstdio>
#include <memory>

#include <elfutils/libdwfl.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

char* no_debuginfo_path = nullptr;

// Never debuginfod: looking at an address must not go to the network.
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
using dwfl_ptr = std::unique_ptr<Dwfl, close_dwfl>;

dwfl_ptr open_process(pid_t pid)
{
    dwfl_ptr d{dwfl_begin(&callbacks)};
    if (d == nullptr || dwfl_linux_proc_report(d.get(), pid) != 0 ||
        dwfl_report_end(d.get(), nullptr, nullptr) != 0)
        return nullptr;
    return d;
}

// One mapping for all processes, with no file: elfutils reads it from the memory of the process in its name.
void report_vdso(Dwfl* d, const std::string& files)
{
    for (const mapping_line& m : lines_of(files))
        if (m.path == "[vdso]")
            dwfl_report_module(d, ("[vdso: " + std::to_string(getpid()) + "]").c_str(), m.start, m.end);
}

dwfl_ptr open_files(const std::string& files)
{
    dwfl_ptr d{dwfl_begin(&callbacks)};
    std::string text = files;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps{
        text.empty() ? nullptr : fmemopen(text.data(), text.size(), "r"), std::fclose};
    if (d == nullptr || maps == nullptr || dwfl_linux_proc_maps_report(d.get(), maps.get()) != 0)
        return nullptr;
    report_vdso(d.get(), files);
    return dwfl_report_end(d.get(), nullptr, nullptr) == 0 ? std::move(d) : nullptr;
}

struct chain {
    std::size_t most;
    std::vector<std::uintptr_t> ip;
};

int add_frame(Dwfl_Frame* frame, void* argument)
{
    auto& c = *static_cast<chain*>(argument);
    Dwarf_Addr pc = 0;
    bool activation = false;
    if (!dwfl_frame_pc(frame, &pc, &activation))
        return DWARF_CB_ABORT;
    // a return address is past the call
    c.ip.push_back(static_cast<std::uintptr_t>(pc - (activation ? 0 : 1)));
    return c.ip.size() < c.most ? DWARF_CB_OK : DWARF_CB_ABORT;
}

} // namespace

struct symbol_table::state {
    dwfl_ptr dwfl;
};

symbol_table::symbol_table(const std::string& files)
    : state_(std::make_unique<state>(state{open_files(files)}))
{}

symbol_table::~symbol_table() = default;

void symbol_table::find(place& where) const
{
    Dwfl_Module* module = state_->dwfl != nullptr ? dwfl_addrmodule(state_->dwfl.get(), where.ip) : nullptr;
    if (module == nullptr)
        return;
    Dwarf_Addr start = 0;
    const char* name = dwfl_module_info(module, nullptr, &start, nullptr, nullptr, nullptr, nullptr, nullptr);
    where.object = file_name_of(name != nullptr ? name : "");
    where.object_offset = where.ip - start;
    GElf_Off offset = 0;
    GElf_Sym symbol{};
    const char* found = dwfl_module_addrinfo(module, where.ip, &offset, &symbol, nullptr, nullptr, nullptr);
    if (found != nullptr && (symbol.st_size == 0 || offset < symbol.st_size)) {
        where.symbol = demangled(found);
        where.offset = offset;
    }
    if (Dwfl_Line* line = dwfl_module_getsrc(module, where.ip)) {
        int number = 0;
        if (const char* file = dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr))
            where.source = file_name_of(file) + ":" + std::to_string(number);
    }
}

const char* symbols_by() noexcept
{
    return "elfutils";
}

std::vector<std::uintptr_t> stack_of(pid_t pid, int tid, held_by who, std::size_t most)
{
    chain c{most, {}};
    const dwfl_ptr d = open_process(pid);
    if (d == nullptr || dwfl_linux_proc_attach(d.get(), pid, who == held_by::its_tracer) != 0)
        return c.ip;
    dwfl_getthread_frames(d.get(), tid, add_frame, &c); // an error leaves the frames found so far
    return c.ip;
}

} // namespace nmisim::explore
