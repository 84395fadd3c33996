// SPDX-License-Identifier: MIT
//
// A 64-bit ELF file, read piece by piece. It is not mapped: elfutils, which lists this process' mappings, would take it for the
// object; and if it becomes shorter meanwhile, that is an error here, not a SIGBUS. Nor is it trusted: it may have been replaced
// since it was loaded.
// Context: control.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <link.h>
#include <unistd.h>

namespace nmisim::explore {

class elf_file {
public:
    /// What is no such file has no parts and no sections.
    explicit elf_file(const std::string& path);
    ~elf_file();
    elf_file(const elf_file&) = delete;
    elf_file& operator=(const elf_file&) = delete;

    /// Its program headers of that type: PT_LOAD, PT_NOTE ...
    std::vector<ElfW(Phdr)> parts(std::uint32_t type) const;
    /// None where the file has lost the table of them, which a program does not need to run.
    std::vector<ElfW(Shdr)> sections() const;
    /// Address, in the file's terms, of what its first mapping begins with.
    std::uint64_t first_page() const;

    template <class T>
    std::optional<T> at(std::uint64_t offset) const noexcept
    {
        T value;
        if (pread(fd_, &value, sizeof value, static_cast<off_t>(offset)) !=
            static_cast<ssize_t>(sizeof value))
            return std::nullopt;
        return value;
    }
    /// As many whole values as are there.
    template <class T>
    std::vector<T> read(std::uint64_t offset, std::uint64_t bytes) const
    {
        bytes = offset < size_ ? std::min(bytes, size_ - offset) : 0;
        std::vector<T> values(bytes / sizeof(T));
        std::size_t done = 0;
        while (done < values.size() * sizeof(T)) {
            const ssize_t n = pread(fd_, reinterpret_cast<char*>(values.data()) + done,
                                    values.size() * sizeof(T) - done, static_cast<off_t>(offset + done));
            if (n <= 0)
                return {};
            done += static_cast<std::size_t>(n);
        }
        return values;
    }
    /// Up to its 0, or the beginning of it.
    std::string text(std::uint64_t offset) const;

private:
    int fd_;
    std::uint64_t size_ = 0;
    ElfW(Ehdr) head_{};
};

/// The file's own address of what lies at that offset in it, by its parts that are mapped.
std::optional<std::uint64_t> address_in(const std::vector<ElfW(Phdr)>& loads, std::uint64_t offset) noexcept;

} // namespace nmisim::explore
