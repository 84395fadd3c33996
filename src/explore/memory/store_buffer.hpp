// SPDX-License-Identifier: MIT
//
// A store buffer in software, of one thread of two that run one at a time (x86-TSO: Sewell, Sarkar, Owens, Zappa Nardelli,
// Myreen, CACM 2010).
//
// While its thread runs, memory holds the thread's own newest values, so its loads are answered from its buffer by
// themselves. When the thread loses the processor, the stores that have not drained yet are taken out: memory then is as
// the other thread sees it. Before it goes on they are put in again, over what the other one has stored meanwhile: its
// store drains later, and wins.
//
//   in   push(), settle() at the next instruction; empty(): all have drained
//   in -> out   take_out(n): the oldest n have drained, the others are undone, newest first
//   out -> in   put_in(): oldest first; what is there by now is what the next take_out() gives back
//   out   drain_outside(): membarrier(2) by the other one, or time: the values are stored, oldest first
//
// Byte for byte: a neighbouring byte may be the other thread's.
// Context: in the trap handler of its thread, or while that is held. No call of libc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nmisim::explore {

struct waiting_store {
    static constexpr std::size_t most_bytes = 64;

    std::uintptr_t address = 0;
    std::uintptr_t by = 0;           ///< the instruction
    std::uintptr_t overtaken_by = 0; ///< the first load that was done before this store was visible; 0: none
    std::uintptr_t load_address = 0;
    std::uint8_t size = 0;
    std::array<unsigned char, most_bytes> before{};
    std::array<unsigned char, most_bytes> value{};
};

class store_buffer {
public:
    static constexpr unsigned capacity = 32;

    /// The instruction at `by` is about to store. False: no room, or too long.
    bool push(std::uintptr_t address, std::size_t size, std::uintptr_t by) noexcept
    {
        if (count_ == capacity || size > waiting_store::most_bytes)
            return false;
        waiting_store& s = stores_[count_++];
        s.address = address;
        s.by = by;
        s.overtaken_by = s.load_address = 0;
        s.size = static_cast<std::uint8_t>(size);
        copy(s.before.data(), bytes_at(address), size);
        return true;
    }
    /// The stores that were pushed last have been done.
    void settle() noexcept
    {
        for (; settled_ < count_; ++settled_)
            copy(stores_[settled_].value.data(), bytes_at(stores_[settled_].address), stores_[settled_].size);
    }
    /// A load is about to be done. If the buffer does not answer it whole, it overtakes all that waits.
    void load(std::uintptr_t address, std::size_t size, std::uintptr_t by) noexcept
    {
        if (answers(address, size))
            return;
        for (unsigned i = 0; i < count_; ++i)
            if (stores_[i].overtaken_by == 0 || stores_[i].overtaken_by == stores_[i].by) {
                stores_[i].overtaken_by = by;
                stores_[i].load_address = address;
            }
    }
    /// The store that was pushed last waits, and its instruction has loaded before.
    void load_of_last() noexcept
    {
        waiting_store& s = stores_[count_ - 1];
        s.overtaken_by = s.by;
        s.load_address = s.address;
    }
    /// All have drained: memory is right already.
    void empty() noexcept { count_ = settled_ = 0; }

    void take_out(unsigned drained) noexcept
    {
        settle();
        for (unsigned i = count_; i > drained; --i)
            copy(bytes_at(stores_[i - 1].address), stores_[i - 1].before.data(), stores_[i - 1].size);
        for (unsigned i = drained; i < count_ && drained != 0; ++i)
            stores_[i - drained] = stores_[i];
        count_ = settled_ = drained < count_ ? count_ - drained : 0;
        outside_ = true;
    }
    void put_in() noexcept
    {
        for (unsigned i = 0; i < count_ && outside_; ++i) {
            copy(stores_[i].before.data(), bytes_at(stores_[i].address), stores_[i].size);
            copy(bytes_at(stores_[i].address), stores_[i].value.data(), stores_[i].size);
        }
        outside_ = false;
    }
    void drain_outside() noexcept
    {
        put_in();
        empty();
    }

    unsigned count() const noexcept { return count_; }
    bool outside() const noexcept { return outside_; }
    const waiting_store& operator[](unsigned i) const noexcept { return stores_[i]; }

private:
    static unsigned char* bytes_at(std::uintptr_t address) noexcept
    {
        return reinterpret_cast<unsigned char*>(address);
    }
    // volatile: no call of memcpy
    static void copy(unsigned char* to, const unsigned char* from, std::size_t size) noexcept
    {
        volatile unsigned char* t = to;
        const volatile unsigned char* f = from;
        for (std::size_t i = 0; i < size; ++i)
            t[i] = f[i];
    }
    bool answers(std::uintptr_t address, std::size_t size) const noexcept
    {
        for (std::size_t b = 0; b < size; ++b) {
            bool known = false;
            for (unsigned i = 0; i < count_ && !known; ++i)
                known = address + b - stores_[i].address < stores_[i].size;
            if (!known)
                return false;
        }
        return size != 0;
    }

    std::array<waiting_store, capacity> stores_{};
    unsigned count_ = 0;
    unsigned settled_ = 0;
    bool outside_ = false;
};

} // namespace nmisim::explore
