// SPDX-License-Identifier: MIT
//
// What an audit knows about one handler of a program, as plain data.
#pragma once

#include "nmisim/explore.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nmisim::exec {

struct audited_handler {
    enum class error_number { not_known, kept, changed };

    std::string path; ///< of the first process that has it
    std::string exe;
    int signal = 0;
    std::string name;   ///< "on_usr1", or "prog+0x1234" without a symbol
    std::string source; ///< "main.c:12", or empty
    bool alternate_stack = false;

    std::uint64_t ran = 0;     ///< deliveries
    std::uint64_t sent = 0;    ///< ... of signals that the audit has sent
    std::uint64_t stepped = 0; ///< ... that were stepped to their end
    std::uint64_t cut = 0;     ///< ... that were let go before their end: too many steps
    std::uint64_t returned = 0;
    std::uint64_t jumped = 0; ///< left by siglongjmp
    std::uint64_t ended = 0;  ///< the process or thread ended inside
    std::string last_call;    ///< of one that ended: its last system call, or empty

    std::uint32_t steps = 0;       ///< most
    std::uint64_t stack_bytes = 0; ///< most, with the signal's own frame where it is on the interrupted stack
    error_number error = error_number::not_known;
    int error_before = 0;
    int error_after = 0;
    bool error_allowed = false;

    /// Its functions could be told by their names: calls into libraries can be in any program, others in one that is not
    /// stripped.
    bool names = false;
    bool libraries = false;
    std::uint64_t calls = 0;                     ///< functions entered
    std::uint64_t bound = 0;                     ///< ... that were bound lazily
    std::vector<explore::audit_entry> functions; ///< judged
    std::map<long, std::uint64_t> system_calls;  ///< number -> how often
    std::uint64_t atomics = 0;                   ///< atomic instructions: locks are made of them

    bool judged() const noexcept { return stepped != 0 && (names || libraries); }
    bool clobbers_errno() const noexcept { return error == error_number::changed && !error_allowed; }
    std::size_t unsafe() const noexcept;
};

} // namespace nmisim::exec
