// SPDX-License-Identifier: MIT
//
// Which parts of a 64-bit ELF file are mapped, and to which of its own addresses. Context: control.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <elf.h>

namespace nmisim::exec {

/// Empty: it is not such a file.
std::vector<Elf64_Phdr> loaded_parts(const std::string& path);

/// The file's own address of what lies at that offset in it.
std::optional<std::uint64_t> address_in(const std::vector<Elf64_Phdr>& parts, std::uint64_t offset) noexcept;

} // namespace nmisim::exec
