// SPDX-License-Identifier: MIT
//
// How a function's frame is left at one of its instructions, as the compiler wrote it down in .eh_frame (call frame information):
// where the caller's registers are, and its return address. Most files have it, stripped or not; exceptions need it.
// Meson picks frame_rules_dw.cpp (elfutils reads it) or frame_rules_none.cpp.
// Context: control. Only files are looked at; the process may have ended long ago.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace nmisim::exec {

/// A step of an expression, on a stack of numbers. Those who write CFI use few.
struct frame_op {
    enum class code : std::uint8_t {
        sp_plus,
        fp_plus,
        ip_plus,
        frame, ///< the caller's stack pointer, once that is known
        number,
        plus,
        plus_number,
        both,
        is_at_least,
        shifted_left,
        loaded,
    };
    code what;
    std::int64_t number = 0;
    bool operator==(const frame_op&) const = default;
};

/// Where a register of the caller is.
struct kept_register {
    enum class how : std::uint8_t { not_known, same, in_memory, computed };
    how is = how::not_known;
    std::vector<frame_op> ops;
};

struct frame_rule {
    bool known = false;            ///< the file says something of this place
    bool is_outermost = false;     ///< nobody has called it
    bool is_signal = false;        ///< was interrupted, and did not call
    bool by_frame_pointer = false; ///< the frame pointer's two words say it all
    std::vector<frame_op> frame;   ///< the caller's stack pointer
    kept_register ip;
    kept_register fp;
};

class frame_rules {
public:
    frame_rules();
    ~frame_rules();
    frame_rules(const frame_rules&) = delete;
    frame_rules& operator=(const frame_rules&) = delete;

    /// Whether there can be any.
    static bool are_read() noexcept;

    /// Of the instruction at that offset of the file.
    const frame_rule& at(const std::string& path, std::uint64_t offset);

private:
    struct file;
    std::map<std::string, std::unique_ptr<file>> files_;
};

} // namespace nmisim::exec
