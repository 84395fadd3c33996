// SPDX-License-Identifier: MIT
//
// From a place in a file, as it lay mapped in some process, to its function. The process may have ended long ago: only the file
// is looked at. Context: control.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace nmisim::explore {
class symbol_table;
}

namespace nmisim::exec {

class file_symbols {
public:
    file_symbols();
    ~file_symbols();
    file_symbols(const file_symbols&) = delete;
    file_symbols& operator=(const file_symbols&) = delete;

    /// Empty: it has no name. `offset` is the file's.
    const std::string& function_at(const std::string& path, std::uint64_t offset);

private:
    struct file;
    file& opened(const std::string& path);

    std::map<std::string, std::unique_ptr<file>> files_;
    std::map<std::pair<const file*, std::uint64_t>, std::string> names_;
};

} // namespace nmisim::exec
