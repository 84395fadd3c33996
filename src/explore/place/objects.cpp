// SPDX-License-Identifier: MIT
#include "explore/place/objects.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

constexpr std::string_view vdso = "[vdso]";

// How many bytes could be read. Async-signal-safe.
std::size_t read_all(const char* path, char* text, std::size_t most) noexcept
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    std::size_t at = 0;
    while (at < most) {
        const ssize_t n = read(fd, text + at, most - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += static_cast<std::size_t>(n);
    }
    close(fd);
    return at;
}

std::string_view next_line(std::string_view& text) noexcept
{
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

// Behind address, rights, offset, device and inode. Empty: memory without a file.
std::string_view path_in(std::string_view line) noexcept
{
    for (int field = 0; field < 5; ++field) {
        line.remove_prefix(std::min(line.find(' '), line.size()));
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    }
    return line;
}

std::string executable_path()
{
    std::array<char, 4096> path{};
    const ssize_t n = readlink("/proc/self/exe", path.data(), path.size());
    return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

} // namespace

void shared_maps::take() noexcept
{
    size = 0; // a parent that kills this process meanwhile finds no half of a text
    size = read_all("/proc/self/maps", text, sizeof text);
}

std::string maps_of(pid_t pid)
{
    const std::string path = "/proc/" + std::to_string(pid) + "/maps";
    std::string text(std::size_t{1} << 20, '\0');
    text.resize(read_all(path.c_str(), text.data(), text.size()));
    return text;
}

std::vector<mapping_line> lines_of(std::string_view maps)
{
    std::vector<mapping_line> all;
    while (!maps.empty()) {
        mapping_line m;
        m.line = next_line(maps);
        m.path = path_in(m.line);
        if (std::sscanf(std::string(m.line).c_str(), "%lx-%lx %4s %lx", &m.start, &m.end, m.rights.data(),
                        &m.offset) == 4)
            all.push_back(m);
    }
    return all;
}

std::string file_name_of(std::string_view path)
{
    return std::string(path.substr(path.rfind('/') + 1));
}

loaded_objects::loaded_objects(std::string_view maps)
{
    std::vector<std::string> lines;
    const std::string executable = executable_path();
    for (const mapping_line& m : lines_of(maps)) {
        if (!m.path.starts_with('/') && m.path != vdso)
            continue;
        add(m, executable);
        lines.resize(objects_.size());
        lines.back().append(m.line).append("\n");
    }
    for (std::size_t i = 0; i < lines.size(); ++i) // shared memory has a path too, and another one each time
        if (objects_[i].code)
            files_.append(lines[i]);
}

// A file that is mapped from its start again is another object: programs that read symbols map whole files.
void loaded_objects::add(const mapping_line& m, const std::string& executable)
{
    const std::string_view path = m.path == vdso ? "" : m.path;
    if (objects_.empty() || objects_.back().path != path || m.offset == 0) {
        loaded_object o;
        o.name = m.path == vdso         ? "linux-vdso.so.1"
                 : m.path == executable ? "this program"
                                        : file_name_of(m.path);
        o.path = path;
        o.base = m.start;
        o.loader =
            o.name.starts_with("ld-linux") || o.name.starts_with("ld.so") || o.name.starts_with("ld-musl");
        objects_.push_back(std::move(o));
    }
    objects_.back().code = objects_.back().code || m.rights[2] == 'x';
    mappings_.push_back({m.start, m.end, objects_.size() - 1});
}

const loaded_object* loaded_objects::at(std::uintptr_t address) const noexcept
{
    const auto behind = std::upper_bound(mappings_.begin(), mappings_.end(), address,
                                         [](std::uintptr_t a, const mapping& m) { return a < m.start; });
    if (behind == mappings_.begin())
        return nullptr;
    const mapping& m = *(behind - 1);
    return address < m.end ? &objects_[m.object] : nullptr;
}

bool loaded_objects::shared() const noexcept
{
    return std::any_of(objects_.begin(), objects_.end(), [](const loaded_object& o) { return o.loader; });
}

const std::string& loaded_objects::function_of_slot(std::uintptr_t address)
{
    static const std::string none;
    const loaded_object* o = at(address);
    if (o == nullptr || o->path.empty())
        return none;
    const auto [of_object, fresh] = slots_.try_emplace(o);
    if (fresh)
        of_object->second = names_of_slots(o->path, o->base);
    const auto found = of_object->second.find(address);
    return found == of_object->second.end() ? none : found->second;
}

} // namespace nmisim::explore
