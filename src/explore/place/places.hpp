// SPDX-License-Identifier: MIT
//
// From an address of a child process to its symbol, source line and instruction. Meson picks symbols_dw.cpp (elfutils)
// or symbols_dl.cpp (dladdr, exported names only), and disassembly_capstone.cpp or disassembly_none.cpp. Answers are
// cached: a map asks for the same addresses many times.
// Context: control, in the parent process. It reads no memory of the explored code: the child reports where that was
// mapped and what its bytes were (shared_maps, code_bytes).
#pragma once

#include "explore/decode/code_bytes.hpp"
#include "explore/place/objects.hpp"
#include "nmisim/explore.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace nmisim::explore {

struct recording;

/// Symbols and source lines of the files in `files`. The siblings implement it.
class symbol_table {
public:
    explicit symbol_table(const std::string& files);
    ~symbol_table();
    symbol_table(const symbol_table&) = delete;
    symbol_table& operator=(const symbol_table&) = delete;

    /// Fills in symbol, object and source, as far as they are known.
    void find(place& where) const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

class places {
public:
    /// `maps`: the child's, in the format of /proc/PID/maps. It is read with the first question, and must be there until then.
    explicit places(std::string_view maps) noexcept;
    explicit places(std::string&& maps) noexcept : text_(std::move(maps)), maps_(text_) {}
    ~places();
    places(const places&) = delete;
    places& operator=(const places&) = delete;

    /// Without `code` it has no instruction, unless its bytes are known already.
    const place& of(std::uintptr_t ip, const code_bytes& code = {});
    /// The others have their address only.
    std::vector<place> of(const recording& t, const std::vector<bool>& named);
    loaded_objects& objects();

private:
    struct kept;
    kept& known();

    std::string text_; ///< where nobody else keeps it
    std::string_view maps_;
    std::optional<loaded_objects> objects_;
    std::shared_ptr<kept> kept_; ///< shared with the next one, when that has the same files
};

// The siblings.
std::string disassemble(std::uintptr_t ip, const code_bytes& code, const symbol_table& symbols);
const char* symbols_by() noexcept;
const char* disassembly_by() noexcept;

std::string demangled(const char* name);

} // namespace nmisim::explore
