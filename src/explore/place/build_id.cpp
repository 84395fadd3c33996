// SPDX-License-Identifier: MIT
//
// The build id: a note that the linker writes, the same only for the same output (ld's --build-id).
#include "explore/place/elf_file.hpp"
#include "explore/place/objects.hpp"

#include <elf.h>

namespace nmisim::explore {

namespace {

constexpr std::uint64_t aligned(std::uint64_t n) noexcept
{
    return (n + 3) & ~std::uint64_t{3};
}

std::string id_in(const elf_file& file, const ElfW(Phdr) & notes)
{
    constexpr std::uint32_t bytes_shown = 8; // enough to tell builds apart
    for (std::uint64_t at = 0; at + sizeof(ElfW(Nhdr)) <= notes.p_filesz;) {
        const auto note = file.at<ElfW(Nhdr)>(notes.p_offset + at);
        if (!note)
            break;
        const std::uint64_t name = notes.p_offset + at + sizeof(ElfW(Nhdr));
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof "GNU" && file.text(name) == "GNU") {
            std::string id;
            for (std::uint32_t i = 0; i < note->n_descsz && i < bytes_shown; ++i) {
                const unsigned byte = file.at<unsigned char>(name + aligned(note->n_namesz) + i).value_or(0);
                id += "0123456789abcdef"[byte >> 4];
                id += "0123456789abcdef"[byte & 15];
            }
            return id;
        }
        at += sizeof(ElfW(Nhdr)) + aligned(note->n_namesz) + aligned(note->n_descsz);
    }
    return {};
}

} // namespace

std::string build_id_of(const std::string& path)
{
    const elf_file file(path);
    for (const ElfW(Phdr) & notes : file.parts(PT_NOTE))
        if (std::string id = id_in(file, notes); !id.empty())
            return id;
    return {};
}

} // namespace nmisim::explore
