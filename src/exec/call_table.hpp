// SPDX-License-Identifier: MIT
//
// The table of a storm: what the NMIs met, by process, system call and call site. A site is looked up once per place, not once
// per NMI: reading symbols takes longer than a run may be held up.
#pragma once

#include "exec/interruption.hpp"
#include "exec/trace/task.hpp"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace nmisim::exec {

struct call_row {
    std::string path;
    std::string exe;
    long nr = -1; ///< below 0: the program's own code
    std::string site;
    std::uint64_t nmis = 0;
    std::uint64_t restarted = 0;
    std::uint64_t eintr = 0;
    std::uint64_t short_count = 0;
    std::uint64_t done = 0;
    std::string detail; ///< of the first short one: "4096 of 65536 from /dev/zero"
};

class call_table {
public:
    void note(const task& t, const interrupted& at, bool restart);
    /// Those that changed something first.
    std::vector<call_row> rows() const;

private:
    const std::string& site_of(const task& t, const interrupted& at);

    using place = std::tuple<std::string, std::string, long, std::uintptr_t, std::uint64_t>;
    std::map<place, std::string> sites_;
    std::map<std::tuple<std::string, std::string, long, std::string>, call_row> rows_;
};

} // namespace nmisim::exec
