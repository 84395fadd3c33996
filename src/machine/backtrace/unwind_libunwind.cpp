// SPDX-License-Identifier: MIT
//
// libunwind with accessors of its own: registers and stack come from the snapshot, everything else (code, unwind
// tables) from this process's memory.
#include "machine/backtrace/unwind.hpp"

#include <libunwind.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nmisim {
namespace {

const stack_snapshot& snapshot_of(void* argument) noexcept
{
    return *static_cast<const stack_snapshot*>(argument);
}

/// Reads code and unwind tables. A snapshot can lead anywhere: an address that is not mapped must not be a crash.
bool read_own_memory(unw_word_t address, unw_word_t& value) noexcept
{
    const iovec to{&value, sizeof value};
    const iovec from{reinterpret_cast<void*>(address), sizeof value};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof value;
}

int access_mem(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void* argument)
{
    const stack_snapshot& from = snapshot_of(argument);
    if (write != 0)
        return -UNW_EINVAL;
    if (address >= from.sp && address < from.stack_end) { // the interrupted stack, which has gone on since
        const std::size_t at = (address - from.sp) / sizeof(std::uintptr_t);
        if (at >= from.count)
            return -UNW_EINVAL; // deeper than what was taken
        *value = from.words[at];
        return 0;
    }
    return read_own_memory(address, *value) ? 0 : -UNW_EINVAL;
}

int access_reg(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int write, void* argument)
{
    const stack_snapshot& from = snapshot_of(argument);
    if (write != 0 || number < 0 || static_cast<std::size_t>(number) >= from.registers.size())
        return -UNW_EBADREG;
    *value = from.registers[static_cast<std::size_t>(number)];
    return 0;
}

int no_fpreg(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*)
{
    return -UNW_EBADREG;
}

/// Null if libunwind has no such thing here.
unw_addr_space_t make_address_space(const stack_snapshot& any)
{
    unw_accessors_t accessors{};
    accessors.access_mem = access_mem;
    accessors.access_reg = access_reg;
    accessors.access_fpreg = no_fpreg;
    // The first cursor initialises the library and with it its own accessors, of which the rest is taken. Asking for
    // these does not always: libunwind and libunwind-<cpu> both define the function, and one initialises only itself.
    unw_cursor_t cursor;
    auto* const first = unw_create_addr_space(&accessors, 0);
    if (first == nullptr || unw_init_remote(&cursor, first, const_cast<stack_snapshot*>(&any)) != 0)
        return nullptr;
    unw_destroy_addr_space(first);
    const unw_accessors_t& own = *unw_get_accessors(unw_local_addr_space);
    accessors.find_proc_info = own.find_proc_info;
    accessors.put_unwind_info = own.put_unwind_info;
    accessors.get_dyn_info_list_addr = own.get_dyn_info_list_addr;
    accessors.get_proc_name = own.get_proc_name;
    return own.find_proc_info == nullptr ? nullptr : unw_create_addr_space(&accessors, 0);
}

} // namespace

std::vector<std::uintptr_t> unwind(const stack_snapshot& from)
{
    constexpr std::size_t most_frames = 64;
    if (from.ip == 0)
        return {};
    static auto* const space = make_address_space(from);
    unw_cursor_t cursor;
    std::vector<std::uintptr_t> frames;
    if (space == nullptr || unw_init_remote(&cursor, space, const_cast<stack_snapshot*>(&from)) != 0)
        return {from.ip};
    do {
        unw_word_t ip = 0;
        if (unw_get_reg(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0)
            break;
        frames.push_back(ip);
    } while (frames.size() < most_frames && unw_step(&cursor) > 0);
    return frames;
}

} // namespace nmisim
