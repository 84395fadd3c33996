// SPDX-License-Identifier: MIT
//
// Symbols by the dynamic loader: exported names only, no source lines. Used where elfutils is missing.
#include "explore/place/places.hpp"
#include "explore/watch/child.hpp"

#include <dlfcn.h>
#include <unistd.h>

namespace nmisim::explore {

// The dynamic loader knows the objects of this process. What only the child has loaded, or has at another place, is
// named by its file alone.
struct symbol_table::state {
    loaded_objects of_the_child;
    loaded_objects own;
};

symbol_table::symbol_table(const std::string& files)
    : state_(std::make_unique<state>(state{loaded_objects(files), loaded_objects(maps_of(getpid()))}))
{}

symbol_table::~symbol_table() = default;

void symbol_table::find(place& where) const
{
    const loaded_object* object = state_->of_the_child.at(where.ip);
    if (object == nullptr)
        return;
    where.object = file_name_of(object->path);
    where.object_offset = where.ip - object->base;
    const loaded_object* mine = state_->own.at(where.ip);
    Dl_info info{};
    if (mine == nullptr || mine->path != object->path || mine->base != object->base ||
        dladdr(reinterpret_cast<void*>(where.ip), &info) == 0 || info.dli_sname == nullptr)
        return;
    where.symbol = demangled(info.dli_sname);
    where.offset = where.ip - reinterpret_cast<std::uintptr_t>(info.dli_saddr);
}

const char* symbols_by() noexcept
{
    return "dladdr";
}

std::vector<std::uintptr_t> stack_of(pid_t, int, held_by, std::size_t)
{
    return {};
}

} // namespace nmisim::explore
