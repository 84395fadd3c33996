// SPDX-License-Identifier: MIT
#include "explore/step/breakpoint.hpp"

#include "base/invariant.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <span>
#include <string_view>

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

// Few breakpoints live at a time (an anchor per thread and one gate per system call of the windows), so a
// table with linear search is enough; it must not allocate, because the trap handler reads it.
constinit std::array<breakpoint, 64> table{};
constinit std::size_t table_end = 0; ///< from there on all are free
constinit std::array<std::uintptr_t, 256> writable_pages{};
constinit std::size_t writable_page_count = 0;
constinit std::size_t page_size = 0;

struct range {
    std::uintptr_t start;
    std::uintptr_t end;
};
// The kernel's code in this process. Its mapping can only become writable as a whole; what is written then is a copy of
// this process, as with a file.
constinit range vdso_range{0, 0};
constinit bool vdso_is_writable = false;
// Where code is mapped. A page with a breakpoint becomes writable and stays executable, which data must not become.
constinit std::array<range, 256> code_ranges{};
constinit std::size_t code_range_count = 0;
constinit unsigned looks_left = 64; ///< an address that is nowhere is not worth more

// Of a line of /proc/PID/maps: "55d0c0a0-55d0c0b0 r-xp ..."
void note_range(const char* line, std::size_t size) noexcept
{
    std::uintptr_t bound[2] = {0, 0};
    std::size_t i = 0;
    for (std::uintptr_t& b : bound)
        for (; i < size; ++i) {
            const char c = line[i];
            if (c == '-' || c == ' ') {
                ++i;
                break;
            }
            b = b << 4 | static_cast<std::uintptr_t>(c <= '9' ? c - '0' : c - 'a' + 10);
        }
    if (i + 2 < size && line[i] == 'r' && line[i + 2] == 'x' && code_range_count < code_ranges.size())
        code_ranges[code_range_count++] = {bound[0], bound[1]};
}

// Reads the text of /proc/PID/maps in any pieces.
class maps_reader {
public:
    maps_reader() noexcept { code_range_count = 0; }

    void read(std::string_view text) noexcept
    {
        for (const char c : text) {
            if (c == '\n') {
                note_range(line_.data(), size_);
                size_ = 0;
            } else if (size_ < line_.size()) {
                line_[size_++] = c;
            }
        }
    }

private:
    std::array<char, 64> line_{}; ///< as much of it as matters
    std::size_t size_ = 0;
};

// No call of libc: it may carry a breakpoint.
void read_code_ranges() noexcept
{
    static constinit std::array<char, 4096> text{};
    const long fd = arch::raw_system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/maps"),
                                          O_RDONLY | O_CLOEXEC);
    maps_reader ranges;
    for (long n = 1; fd >= 0 && n > 0;) {
        n = arch::raw_system_call(SYS_read, fd, reinterpret_cast<long>(text.data()),
                                  static_cast<long>(text.size()));
        if (n > 0)
            ranges.read({text.data(), static_cast<std::size_t>(n)});
    }
    if (fd >= 0)
        arch::raw_system_call(SYS_close, fd);
}

bool is_in(const range& r, std::uintptr_t address) noexcept
{
    return address >= r.start && address < r.end;
}

bool is_in_code(std::uintptr_t address) noexcept
{
    static constinit std::atomic<std::size_t> last{0}; // where code was is mostly where it is; orders nothing
    if (const std::size_t i = last.load(std::memory_order_relaxed);
        i < code_range_count && is_in(code_ranges[i], address))
        return true;
    for (std::size_t i = 0; i < code_range_count; ++i)
        if (is_in(code_ranges[i], address)) {
            last.store(i, std::memory_order_relaxed); // as above
            return true;
        }
    return false;
}

// Refused where the kernel has sealed it.
void make_vdso_writable() noexcept
{
    vdso_range = {getauxval(AT_SYSINFO_EHDR), 0};
    for (std::size_t i = 0; i < code_range_count; ++i)
        if (vdso_range.start != 0 && code_ranges[i].start == vdso_range.start)
            vdso_range.end = code_ranges[i].end;
    vdso_is_writable =
        vdso_range.end != 0 && arch::raw_system_call(SYS_mprotect, static_cast<long>(vdso_range.start),
                                                     static_cast<long>(vdso_range.end - vdso_range.start),
                                                     PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

// The program may have loaded or made code since the last look.
bool is_code(std::uintptr_t address) noexcept
{
    if (is_in_code(address))
        return true;
    if (looks_left == 0)
        return false;
    --looks_left;
    read_code_ranges();
    return is_in_code(address);
}

std::span<breakpoint> used_part_of_table() noexcept
{
    return {table.data(), table_end};
}

// Ordered by address. The handler reads it while no one plants.
constinit breakpoint* watches = nullptr;
constinit std::size_t watch_count = 0;
constinit bool watches_enabled = false;

unsigned char* code_at(std::uintptr_t address) noexcept
{
    return reinterpret_cast<unsigned char*>(address);
}

bool make_writable(std::uintptr_t page) noexcept
{
    for (std::size_t i = 0; i < writable_page_count; ++i)
        if (writable_pages[i] == page)
            return true;
    if (writable_page_count == writable_pages.size() || !is_code(page))
        return false;
    if (arch::raw_system_call(SYS_mprotect, static_cast<long>(page), static_cast<long>(page_size),
                              PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return false;
    writable_pages[writable_page_count++] = page;
    return true;
}

} // namespace

void prepare_breakpoints(std::string_view maps) noexcept
{
    page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    maps.ends_with('\n') ? maps_reader().read(maps) : read_code_ranges(); // or it is cut off
    make_vdso_writable();
}

bool is_in_vdso(std::uintptr_t address) noexcept
{
    return is_in(vdso_range, address);
}

bool can_carry_breakpoint(std::uintptr_t address) noexcept
{
    return vdso_is_writable || !is_in_vdso(address);
}

bool make_code_writable(std::uintptr_t address) noexcept
{
    if (is_in_vdso(address))
        return vdso_is_writable;
    const std::uintptr_t first = address & ~(page_size - 1);
    const std::uintptr_t last = (address + arch::breakpoint_size() - 1) & ~(page_size - 1);
    return make_writable(first) && make_writable(last);
}

bool plant(std::uintptr_t address, breakpoint_kind kind, stepped_thread* owner) noexcept
{
    if (breakpoint* known = find_breakpoint(address))
        return known->kind == kind && known->owner == owner;
    if (!make_code_writable(address))
        return false;
    for (breakpoint& b : table) {
        if (b.kind != breakpoint_kind::free)
            continue;
        b.address = address;
        b.kind = kind;
        b.owner = owner;
        table_end = std::max(table_end, static_cast<std::size_t>(&b - table.data()) + 1);
        put_in(b);
        return true;
    }
    return false;
}

void remove_one_shots(const stepped_thread* owner) noexcept
{
    for (breakpoint& b : used_part_of_table())
        if (b.kind == breakpoint_kind::one_shot && b.owner == owner)
            forget(b);
}

breakpoint* find_breakpoint(std::uintptr_t address) noexcept
{
    for (breakpoint& b : used_part_of_table())
        if (b.kind != breakpoint_kind::free && b.address == address)
            return &b;
    breakpoint* const end = watches + (watches_enabled ? watch_count : 0);
    breakpoint* const at = std::lower_bound(
        watches, end, address, [](const breakpoint& b, std::uintptr_t a) { return b.address < a; });
    return at != end && at->address == address ? at : nullptr;
}

bool plant_watches(const std::vector<std::uintptr_t>& addresses)
{
    enable_watches(false);
    delete[] watches;
    watch_count = 0;
    watches = new breakpoint[addresses.size()];
    for (const std::uintptr_t address : addresses) {
        if (!can_carry_breakpoint(address) || find_breakpoint(address) != nullptr)
            continue;
        if (!make_code_writable(address)) {
            watch_count = 0;
            return false;
        }
        breakpoint& b = watches[watch_count++];
        b.address = address;
        b.kind = breakpoint_kind::watch;
    }
    return true;
}

void enable_watches(bool on) noexcept
{
    if (on == watches_enabled)
        return;
    watches_enabled = on;
    for (std::size_t i = 0; i < watch_count; ++i)
        on ? put_in(watches[i]) : take_out(watches[i]);
}

void take_out(breakpoint& b) noexcept
{
    if (b.planted)
        arch::restore_code(code_at(b.address), b.saved);
    b.planted = false;
}

void put_in(breakpoint& b) noexcept
{
    BUG_ON(b.planted);
    arch::write_breakpoint(code_at(b.address), b.saved);
    b.planted = true;
}

void forget(breakpoint& b) noexcept
{
    take_out(b);
    b.kind = breakpoint_kind::free;
    b.owner = nullptr;
}

namespace {

// Where breakpoints are, what was there.
void put_originals_back(code_bytes& c, std::uintptr_t ip) noexcept
{
    for (const breakpoint& b : used_part_of_table())
        for (std::size_t i = 0; b.planted && i < arch::breakpoint_size(); ++i)
            if (const std::uintptr_t at = b.address + i - ip; at < c.size)
                c.byte[at] = b.saved[i];
    if (const breakpoint* b = find_breakpoint(ip);
        b != nullptr && b->planted && b->kind == breakpoint_kind::watch)
        for (std::size_t i = 0; i < arch::breakpoint_size() && i < c.size; ++i)
            c.byte[i] = b->saved[i];
}

using unaligned_word [[gnu::aligned(1), gnu::may_alias]] = std::uint64_t;

code_bytes code_up_to_page_end(std::uintptr_t ip) noexcept
{
    code_bytes c;
    if (!is_code(ip)) // a wild jump: the fault is the program's, not this handler's
        return c;
    const std::size_t to_page_end = page_size - (ip & (page_size - 1));
    // volatile here and below: no call of memcpy, which may carry a breakpoint
    if (to_page_end >= sizeof c) {
        const auto* words = reinterpret_cast<const volatile unaligned_word*>(ip);
        c = std::bit_cast<code_bytes>(std::array<std::uint64_t, 2>{words[0], words[1]});
        c.size = code_bytes::longest;
        return c;
    }
    const volatile unsigned char* code = code_at(ip);
    for (; c.size < c.byte.size() && c.size < to_page_end; ++c.size)
        c.byte[c.size] = code[c.size];
    return c;
}

} // namespace

code_bytes original_code_at(std::uintptr_t ip) noexcept
{
    code_bytes c = code_up_to_page_end(ip);
    // The instruction may end before the page does; the next page need not be mapped.
    const iovec rest{c.byte.data() + c.size, c.byte.size() - c.size};
    const iovec from{code_at(ip + c.size), rest.iov_len};
    if (rest.iov_len != 0 &&
        arch::raw_system_call(SYS_process_vm_readv, arch::raw_system_call(SYS_getpid),
                              reinterpret_cast<long>(&rest), 1, reinterpret_cast<long>(&from),
                              1) == static_cast<long>(rest.iov_len))
        c.size = c.byte.size();
    put_originals_back(c, ip);
    return c;
}

code_bytes original_instruction_at(std::uintptr_t ip) noexcept
{
    code_bytes c = code_up_to_page_end(ip);
    put_originals_back(c, ip);
    return c.size == 0 || c.size == c.byte.size() || arch::is_whole(c) ? c : original_code_at(ip);
}

bool is_system_call(std::uintptr_t ip, const code_bytes& instruction) noexcept
{
    const code_bytes c = instruction.size != 0 ? instruction : original_code_at(ip);
    return arch::is_system_call(c.byte.data()); // behind its size are zeros
}

bool is_system_call_at(std::uintptr_t ip) noexcept
{
    return is_system_call(ip, original_instruction_at(ip));
}

} // namespace nmisim::explore
