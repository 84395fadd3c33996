// SPDX-License-Identifier: MIT
//
// The objects that another process had loaded, a child that explores or a program under exec: which one contains an address,
// which build it is of, and which function a slot of a jump table stands for. Calls through the PLT are named by their
// relocation, because the function behind it may have no name of its own (memcpy resolves to one of several static variants).
//
// All this comes from that process' /proc/PID/maps and from the files named there, never from the parent's own memory: an
// object that `setup` loaded is only in the child, and the parent may have something else at that address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

namespace nmisim::explore {

/// The text of /proc/self/maps in memory shared with the parent, which reads it also after a crash.
struct shared_maps {
    /// Reads it again. Context: the child; async-signal-safe.
    void take() noexcept;
    std::string_view view() const noexcept { return {text, size}; }

    std::size_t size;
    char text[std::size_t{4} << 20]; ///< pages that are not needed cost nothing
};

/// The same of a running process. Empty: not known.
std::string maps_of(pid_t pid);

/// A line of it.
struct mapping_line {
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    std::uintptr_t offset = 0;
    std::array<char, 5> rights{}; ///< "r-xp"
    std::string_view path;        ///< empty: memory without a file
    std::string_view line;
};
std::vector<mapping_line> lines_of(std::string_view maps);

/// Behind the last slash.
std::string file_name_of(std::string_view path);

struct loaded_object {
    std::string name; ///< file name, no folder; the executable's is "this program"
    std::string path; ///< empty: the vDSO
    std::uintptr_t base = 0;
    bool loader = false;
    bool code = false; ///< with a mapping that is executable; a file that is only read has none
};

using slot_names = std::unordered_map<std::uintptr_t, std::string>;
/// The function that each relocation of the ELF file at `path` asks for, by its slot's address with the file's first
/// mapping at `base`. Empty: not to be read.
slot_names names_of_slots(const std::string& path, std::uintptr_t base);

/// The first bytes of the build id of the ELF file at `path`, as hexadecimal digits. Empty: it has none.
std::string build_id_of(const std::string& path);

class loaded_objects {
public:
    /// `maps`: in the format of /proc/PID/maps.
    explicit loaded_objects(std::string_view maps);

    /// nullptr: in none; memory without a file, as that of code made at run time, is in none.
    const loaded_object* at(std::uintptr_t address) const noexcept;
    const std::vector<loaded_object>& all() const noexcept { return objects_; }
    /// There are libraries, or a loader, beside the executable.
    bool shared() const noexcept;
    /// Name of the function that the slot at `address` is bound to, or an empty text.
    const std::string& function_of_slot(std::uintptr_t address);
    /// Of the files with code, in the format of /proc/PID/maps: equal texts, equal names.
    const std::string& files() const noexcept { return files_; }

private:
    struct mapping {
        std::uintptr_t start;
        std::uintptr_t end;
        std::size_t object;
    };
    void add(const mapping_line& m, const std::string& executable);

    std::vector<mapping> mappings_; ///< in order of their addresses, as the kernel lists them
    std::vector<loaded_object> objects_;
    std::string files_;
    std::unordered_map<const loaded_object*, slot_names> slots_; ///< of the objects that were asked for
};

} // namespace nmisim::explore
