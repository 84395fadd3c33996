// SPDX-License-Identifier: MIT
#include "explore/place/elf_file.hpp"

#include <array>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace nmisim::explore {

elf_file::elf_file(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))
{
    struct stat status {};
    if (fd_ >= 0 && fstat(fd_, &status) == 0)
        size_ = static_cast<std::uint64_t>(status.st_size);
    const auto head = at<ElfW(Ehdr)>(0);
    if (head && std::memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == ELFCLASS64 &&
        head->e_phentsize == sizeof(ElfW(Phdr)))
        head_ = *head;
}

elf_file::~elf_file()
{
    if (fd_ >= 0)
        close(fd_);
}

std::vector<ElfW(Phdr)> elf_file::parts(std::uint32_t type) const
{
    auto all = read<ElfW(Phdr)>(head_.e_phoff, head_.e_phnum * sizeof(ElfW(Phdr)));
    std::erase_if(all, [&](const ElfW(Phdr) & p) { return p.p_type != type; });
    return all;
}

std::vector<ElfW(Shdr)> elf_file::sections() const
{
    if (head_.e_shentsize != sizeof(ElfW(Shdr))) // also where no table is
        return {};
    return read<ElfW(Shdr)>(head_.e_shoff, head_.e_shnum * sizeof(ElfW(Shdr)));
}

std::uint64_t elf_file::first_page() const
{
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const auto loads = parts(PT_LOAD);
    return loads.empty() ? 0 : loads.front().p_vaddr & ~(page - 1);
}

std::string elf_file::text(std::uint64_t offset) const
{
    std::array<char, 512> start{};
    const ssize_t n = pread(fd_, start.data(), start.size(), static_cast<off_t>(offset));
    return n <= 0 ? std::string()
                  : std::string(start.data(), strnlen(start.data(), static_cast<std::size_t>(n)));
}

std::optional<std::uint64_t> address_in(const std::vector<ElfW(Phdr)>& loads, std::uint64_t offset) noexcept
{
    for (const ElfW(Phdr) & p : loads)
        if (offset >= p.p_offset && offset < p.p_offset + p.p_filesz)
            return p.p_vaddr + (offset - p.p_offset);
    return std::nullopt;
}

} // namespace nmisim::explore
