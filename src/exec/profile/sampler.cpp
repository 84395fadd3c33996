// SPDX-License-Identifier: MIT
//
// Built with options of its own (meson.build): optimised, so that all of it is inlined, and without what sanitizers, coverage or a
// stack protector put into functions. A test looks at the object file: its section must need nothing from outside.
//
// The stack is followed by frame pointers. Programs that use the register for something else lead the walk anywhere: a frame must
// lie above the one before, and whoever wants to read a page of which nothing is known asks the kernel first.
#include "exec/profile/sampler.hpp"

#include "exec/profile/area.hpp"

#include <csignal>

namespace nmisim::exec {

namespace {

constexpr std::uintptr_t deepest_stack = std::uintptr_t{64} << 20;
constexpr unsigned most_eras_met = 4;

inline std::uint32_t walk(sample_slot& to, std::uint32_t most, const own::interrupted_frame& from) noexcept
{
    std::uintptr_t low = from.sp;
    std::uintptr_t frame = from.fp;
    std::uintptr_t readable = ~std::uintptr_t{0}; // number of the page that was asked for last
    std::uint32_t n = 0;
    to.ip[n++] = from.ip;
    // Page 0 cannot be asked for: the kernel takes no address for it.
    while (n < most && frame >= own::page_bytes && frame - low < deepest_stack && frame % sizeof frame == 0) {
        // The two words of a frame may lie on two pages.
        const std::uintptr_t last = frame + sizeof frame;
        for (const std::uintptr_t word : {frame, last})
            if (word / own::page_bytes != readable) {
                if (!own::is_readable(word))
                    return n;
                readable = word / own::page_bytes;
            }
        const std::uintptr_t back = *reinterpret_cast<const std::uintptr_t*>(last);
        if (back < own::page_bytes)
            break;
        to.ip[n++] = back;
        low = last;
        frame = *reinterpret_cast<const std::uintptr_t*>(frame);
    }
    return n;
}

// The kernel has put this handler's frame on the page of that stack pointer, behind the red zone.
inline bool is_on_our_page(std::uintptr_t sp) noexcept
{
    constexpr std::uintptr_t red_zone = 128;
    constexpr std::uintptr_t longest_frame = std::uintptr_t{16} << 10;
    const std::uintptr_t here = own::stack_pointer();
    return sp % own::page_bytes > red_zone && here < sp && sp - here < longest_frame;
}

// As far as it can be read. Words below the stack pointer are no frame's.
inline void copy_stack(sample_slot& to, area_head& head, std::uintptr_t area, std::size_t buffer) noexcept
{
    const std::uintptr_t from = to.sp & ~(sizeof(std::uintptr_t) - 1);
    // The supervisor's wish, in memory that the program could write.
    const std::uintptr_t wish = head.known.copied_bytes();
    const std::uintptr_t most = wish < most_copied ? wish : most_copied;
    const auto next_page = [](std::uintptr_t at) { return (at | (own::page_bytes - 1)) + 1; };
    std::uintptr_t end = is_on_our_page(from) ? next_page(from) : from;
    // The next page need not be there, and nobody says where the stack ends.
    while (end >= own::page_bytes && end - from < most && own::is_readable(end))
        end = next_page(end);
    const std::uintptr_t bytes = end - from < most ? end - from : most;
    const std::uint64_t at = head.cursors[buffer].copied.fetch_add(bytes, std::memory_order_relaxed);
    if (at + bytes > head.copy_room)
        return;
    own::copy_words(copies_of(area, head.slots, head.copy_room, buffer) + at, from,
                    bytes / sizeof(std::uintptr_t));
    to.copy_at = static_cast<std::uint32_t>(at);
    to.copied = static_cast<std::uint32_t>(bytes);
}

inline void take(area_head& head, std::uintptr_t area, published_word into, const siginfo_t& info,
                 const void* context) noexcept
{
    const std::uint64_t at = head.cursors[into.buffer].next.fetch_add(1, std::memory_order_relaxed);
    if (at >= head.slots)
        return; // counted by the cursor
    sample_slot& slot = slots_of(area, head.slots, into.buffer)[at];
    slot.clock = info.si_code == SI_TIMER ? info.si_value.sival_int : info.si_fd;
    const own::interrupted_frame from = own::frame_in(context);
    slot.ticks = own::ticks();
    slot.sp = from.sp;
    slot.fp = from.fp;
    slot.frames = walk(slot, head.frames, from);
    slot.copied = 0;
    slot.copy_at = 0;
    if (head.copy_room != 0 && head.known.know(slot.ip, slot.frames, slot.frames == head.frames))
        slot.copy_at = stack_is_known;
    else if (head.copy_room != 0)
        copy_stack(slot, head, area, into.buffer);
    // (1) release: the sample is whole; pairs with sample_area.cpp(2)
    slot.generation.store(into.generation, std::memory_order_release);
}

} // namespace

extern "C" {
[[gnu::section("nmi_sampler"), gnu::used, gnu::flatten]] void take_sample(int, siginfo_t* info,
                                                                          void* context) noexcept
{
    if (info->si_code <= 0 && info->si_code != SI_TIMER) // from a process, not from a clock
        return;
    const std::uintptr_t area = own::code_page();
    area_head& head = head_of(area);
    for (unsigned i = 0; i < most_eras_met; ++i) {
        // an era that is over is seen below
        const published_word seen = published_in(head.published.load(std::memory_order_relaxed));
        auto& count = rcu::enter_section<sampler_platform, rcu::srcu_orders>(head.eras[seen.era].readers());
        // (3) acquire: the cursor of the buffer is as its publisher has set it; pairs with sample_area.cpp(4)
        const published_word now = published_in(head.published.load(std::memory_order_acquire));
        const bool same_era = now.era == seen.era;
        if (same_era)
            take(head, area, now, *info, context);
        rcu::leave_section<sampler_platform, rcu::srcu_orders>(count);
        if (same_era)
            return;
    }
    head.gave_up.fetch_add(1, std::memory_order_relaxed);
}

extern const std::byte sampler_begin[] asm("__start_nmi_sampler");
extern const std::byte sampler_end[] asm("__stop_nmi_sampler");
}

std::span<const std::byte> sampler_code() noexcept
{
    return {sampler_begin, sampler_end};
}

} // namespace nmisim::exec
