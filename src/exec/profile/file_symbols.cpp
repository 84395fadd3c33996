// SPDX-License-Identifier: MIT
#include "exec/profile/file_symbols.hpp"

#include "explore/place/elf_file.hpp"
#include "explore/place/places.hpp"

#include <fmt/format.h>

#include <vector>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace nmisim::exec {

namespace {

/// Where each file is put: as good as any, and no address of a file that is not relocated.
constexpr std::uint64_t any_base = 0x7000'0000'0000;
constexpr std::uint64_t part_page = 4096;

/// As /proc/PID/maps would show the file, mapped there.
std::string as_mapped(const std::string& path, const std::vector<Elf64_Phdr>& parts, std::uint64_t base)
{
    struct stat s {};
    if (stat(path.c_str(), &s) != 0)
        return {};
    std::string text;
    for (const Elf64_Phdr& p : parts) {
        const std::uint64_t start = p.p_vaddr / part_page * part_page;
        const std::uint64_t end = (p.p_vaddr + p.p_filesz + part_page - 1) / part_page * part_page;
        text += fmt::format("{:x}-{:x} {}{}{}p {:08x} {:02x}:{:02x} {} {}\n", base + start, base + end,
                            (p.p_flags & PF_R) != 0 ? 'r' : '-', (p.p_flags & PF_W) != 0 ? 'w' : '-',
                            (p.p_flags & PF_X) != 0 ? 'x' : '-', p.p_offset / part_page * part_page,
                            major(s.st_dev), minor(s.st_dev), s.st_ino, path);
    }
    return text;
}

} // namespace

struct file_symbols::file {
    std::vector<Elf64_Phdr> parts;
    std::uint64_t base = 0;
    std::unique_ptr<explore::symbol_table> symbols;
};

file_symbols::file_symbols() = default;
file_symbols::~file_symbols() = default;

file_symbols::file& file_symbols::opened(const std::string& path)
{
    std::unique_ptr<file>& f = files_[path];
    if (f == nullptr) {
        f = std::make_unique<file>();
        f->parts = explore::elf_file(path).parts(PT_LOAD);
        const bool relocated = !f->parts.empty() && f->parts.front().p_vaddr < part_page;
        f->base = relocated ? any_base : 0;
        f->symbols = std::make_unique<explore::symbol_table>(as_mapped(path, f->parts, f->base));
    }
    return *f;
}

const std::string& file_symbols::function_at(const std::string& path, std::uint64_t offset)
{
    file& f = opened(path);
    const auto [at, is_new] = names_.try_emplace({&f, offset});
    if (!is_new)
        return at->second;
    if (const auto address = explore::address_in(f.parts, offset)) {
        explore::place where;
        where.ip = f.base + *address;
        f.symbols->find(where);
        at->second = where.symbol;
    }
    return at->second;
}

} // namespace nmisim::exec
