// SPDX-License-Identifier: MIT
#include "explore/place/function_names.hpp"

#include "explore/place/places.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

using section = ElfW(Shdr);

/// Read, not mapped: elfutils, which lists this process' mappings, would take the file for the object.
class elf_reader {
public:
    explicit elf_reader(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
    {
        struct stat status {};
        if (fd_ >= 0 && fstat(fd_, &status) == 0)
            size_ = static_cast<std::uint64_t>(status.st_size);
        const auto heads = read<ElfW(Ehdr)>(0, sizeof(ElfW(Ehdr)));
        if (!heads.empty() && std::memcmp(heads[0].e_ident, ELFMAG, SELFMAG) == 0 &&
            heads[0].e_ident[EI_CLASS] == ELFCLASS64 && heads[0].e_shentsize == sizeof(section) &&
            heads[0].e_phentsize == sizeof(ElfW(Phdr)))
            head_ = heads[0];
    }
    ~elf_reader()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    elf_reader(const elf_reader&) = delete;
    elf_reader& operator=(const elf_reader&) = delete;

    std::vector<section> sections() const
    {
        return head_ ? read<section>(head_->e_shoff, std::uint64_t{head_->e_shnum} * sizeof(section))
                     : std::vector<section>();
    }

    /// Address, in the file's terms, of what its first mapping begins with.
    std::uint64_t first_page() const
    {
        const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
        if (head_)
            for (const ElfW(Phdr) & p : read<ElfW(Phdr)>(head_->e_phoff, head_->e_phnum * sizeof(ElfW(Phdr))))
                if (p.p_type == PT_LOAD)
                    return p.p_vaddr & ~(page - 1);
        return 0;
    }

    template <class T>
    std::vector<T> contents(const section& s) const
    {
        return read<T>(s.sh_offset, s.sh_size);
    }

private:
    // As many whole values as are there.
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

    int fd_;
    std::uint64_t size_ = 0;
    std::optional<ElfW(Ehdr)> head_;
};

std::string_view text(const std::vector<char>& strings, std::uint64_t at) noexcept
{
    if (at >= strings.size())
        return {};
    const std::string_view name{strings.data() + at, strnlen(strings.data() + at, strings.size() - at)};
    return name.substr(0, name.find('@')); // the version
}

} // namespace

const function_names::table& function_names::of(const loaded_object& object)
{
    const auto [found, fresh] = known_.try_emplace(&object);
    auto& [all, texts, complete] = found->second;
    if (!fresh || object.path.empty())
        return found->second;
    const elf_reader file(object.path.c_str());
    const std::vector<section> sections = file.sections();
    const std::uintptr_t base = object.base - file.first_page();
    for (const section& s : sections) {
        if ((s.sh_type != SHT_SYMTAB && s.sh_type != SHT_DYNSYM) || s.sh_link >= sections.size())
            continue;
        complete = complete || s.sh_type == SHT_SYMTAB;
        const std::vector<char>& names = texts.emplace_back(file.contents<char>(sections[s.sh_link]));
        // An indirect function's value is its resolver's address.
        for (const ElfW(Sym) & one : file.contents<ElfW(Sym)>(s))
            if (ELF64_ST_TYPE(one.st_info) == STT_FUNC && one.st_shndx != SHN_UNDEF && one.st_name != 0)
                all.push_back({base + one.st_value, one.st_size, text(names, one.st_name)});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const symbol& a, const symbol& b) { return a.start < b.start; });
    return found->second;
}

std::uintptr_t function_names::address_of(const loaded_object& object, std::string_view name)
{
    const auto& all = of(object).all;
    const auto found = std::find_if(all.begin(), all.end(), [&](const symbol& s) { return s.name == name; });
    return found == all.end() ? 0 : found->start;
}

function_names::range function_names::function_of(const loaded_object& object, std::string_view name)
{
    const auto& all = of(object).all;
    const auto end_of_longer = "::" + std::string(name);
    auto found = std::find_if(all.begin(), all.end(), [&](const symbol& s) { return s.name == name; });
    if (found == all.end())
        found = std::find_if(all.begin(), all.end(), [&](const symbol& s) {
            const std::string read = s.name.starts_with("_Z") ? demangled(std::string(s.name).c_str()) : "";
            return read == name || std::string_view(read).ends_with(end_of_longer);
        });
    return found == all.end() ? range{} : range{found->start, found->size};
}

bool function_names::names_all(const loaded_object& object)
{
    return of(object).complete;
}

std::vector<std::string_view> function_names::at(std::uintptr_t address)
{
    std::vector<std::string_view> names;
    if (const loaded_object* o = objects_.at(address)) {
        const auto& all = of(*o).all;
        auto next = std::lower_bound(all.begin(), all.end(), address,
                                     [](const symbol& s, std::uintptr_t a) { return s.start < a; });
        for (; next != all.end() && next->start == address; ++next)
            names.push_back(next->name);
    }
    const auto [first, last] = resolved_.equal_range(address);
    for (auto i = first; i != last; ++i)
        names.emplace_back(i->second);
    return names;
}

std::string_view function_names::around(std::uintptr_t address)
{
    const loaded_object* o = objects_.at(address);
    if (o == nullptr)
        return {};
    const auto& all = of(*o).all;
    auto next = std::upper_bound(all.begin(), all.end(), address,
                                 [](std::uintptr_t a, const symbol& s) { return a < s.start; });
    while (next != all.begin()) {
        --next;
        if (address < next->start + next->size || address == next->start)
            return next->name;
        if (next->size != 0)
            break;
    }
    return {};
}

void function_names::also_called(const char* name)
{
    if (const void* found = dlsym(RTLD_DEFAULT, name))
        resolved_.emplace(reinterpret_cast<std::uintptr_t>(found), name);
}

} // namespace nmisim::explore
