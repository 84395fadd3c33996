// SPDX-License-Identifier: MIT
//
// Where the values of shared bytes come from: from before the run, or from which store. The values themselves will not do:
// a grace period's counter is another one in each run, and what is done with it the same.
//
// A value is known by the byte and what is in it. So it does not matter whether its store still waits in a store buffer.
// Context: the trap handler, and the exploring thread while both are held. No call of libc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nmisim::explore {

constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept
{
    const std::uint64_t product = (a ^ b) * 0x9e3779b97f4a7c15U;
    return product ^ product >> 32;
}

class origins {
public:
    /// A run begins.
    void forget() noexcept
    {
        ++run_;
        state_ = kernel_ = 0;
        changes_ = 0;
    }

    /// Of the value that is in this byte now. Asked before each access to it, so the first answer of a run is `initial`:
    /// one for all values that there were before a run. Told apart they would make more runs step; no outcome would change.
    std::uint64_t of(std::uintptr_t address) noexcept
    {
        const found f = find(address);
        if (f.at != nullptr)
            return f.at->origin;
        if (!f.known_byte && keep(f, address, initial))
            return initial;
        return mixed(address, value_at(address)); // not from a store that was seen
    }
    void stored(std::uintptr_t address, std::uint64_t by) noexcept
    {
        if (const found f = find(address); f.at == nullptr)
            keep(f, address, by);
        state_ ^= mixed(address, of(address));
    }
    /// The value in this byte, which came from there, is about to be stored over; stored() follows.
    void about_to_store(std::uintptr_t address, std::uint64_t from) noexcept
    {
        state_ ^= mixed(address, from);
    }
    /// A store, a call into the kernel: from then on a thread that waits may see something else.
    void note_change() noexcept { ++changes_; }
    std::uint32_t changes() const noexcept { return changes_; }
    /// A system call that others' calls may touch. What the kernel keeps is known by their order.
    void called(unsigned thread, std::uintptr_t ip) noexcept
    {
        kernel_ = mixed(mixed(kernel_, ip), thread + 1);
        note_change();
    }
    /// Equal: all shared bytes have values from the same stores, and the kernel was called in the same order.
    std::uint64_t state() const noexcept { return mixed(state_, kernel_); }

private:
    static constexpr std::uint64_t initial = 0;
    struct entry {
        std::uint64_t run = 0;
        std::uintptr_t address = 0;
        std::uint64_t origin = 0;
        unsigned char value = 0;
    };
    struct found {
        entry* at = nullptr;
        entry* free = nullptr;
        bool known_byte = false;
    };
    static unsigned char value_at(std::uintptr_t address) noexcept
    {
        return *reinterpret_cast<const volatile unsigned char*>(address);
    }
    found find(std::uintptr_t address) noexcept
    {
        constexpr std::size_t most_looks = 64;
        found f;
        std::size_t slot = static_cast<std::size_t>(mixed(address, 0)) % table_.size();
        for (std::size_t n = 0; n < most_looks; ++n, slot = (slot + 1) % table_.size()) {
            entry& e = table_[slot];
            if (e.run != run_) {
                f.free = &e;
                return f;
            }
            f.known_byte = f.known_byte || e.address == address;
            if (e.address == address && e.value == value_at(address)) {
                f.at = &e;
                return f;
            }
        }
        return f;
    }
    bool keep(const found& f, std::uintptr_t address, std::uint64_t origin) noexcept
    {
        if (f.free == nullptr)
            return false;
        *f.free = {run_, address, origin, value_at(address)};
        return true;
    }

    std::array<entry, 8192> table_{};
    std::uint64_t run_ = 1;
    /// Of each byte that was stored to: what is in it, without what was in it first.
    std::uint64_t state_ = 0;
    std::uint64_t kernel_ = 0;
    std::uint32_t changes_ = 0;
};

} // namespace nmisim::explore
