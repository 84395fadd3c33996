// SPDX-License-Identifier: MIT
#include "exec/profile/sample_area.hpp"

#include "base/clock.hpp"
#include "exec/profile/sampler.hpp"
#include "exec/trace/arch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

namespace nmisim::exec {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
constexpr std::uint32_t slots_of_a_buffer = buffer_bytes / sizeof(sample_slot);
constexpr std::uint32_t copy_room_of_a_buffer = std::uint32_t{4} << 20;

[[noreturn]] void no_area(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

sample_area::sample_area(std::uint32_t frames, bool copies_stacks, std::uint64_t patience_ns)
    : patience_ns_(patience_ns), copy_room_(copies_stacks ? copy_room_of_a_buffer : 0),
      bytes_(copies_of(0, slots_of_a_buffer, copy_room_, sample_buffers))
{
    fd_ = memfd_create("nmi-sim-samples", MFD_CLOEXEC);
    if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(bytes_)) != 0)
        no_area("memfd_create: no memory to share with the command");
    void* const there = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (there == MAP_FAILED)
        no_area("mmap: no memory to share with the command");
    at_ = reinterpret_cast<std::uintptr_t>(there);
    const stub s = stub_at(0, true);
    const auto code = sampler_code();
    if (sizeof s.words > sampler_offset || sampler_offset + code.size() > own::page_bytes)
        throw std::length_error("the sampler is longer than its page");
    std::memcpy(there, s.words.data(), sizeof s.words);
    std::memcpy(static_cast<std::byte*>(there) + sampler_offset, code.data(), code.size());
    head_ = new (reinterpret_cast<void*>(at_ + head_offset)) area_head;
    head_->slots = slots_of_a_buffer;
    head_->frames = std::clamp(frames, 1u, most_frames);
    head_->copy_room = copy_room_;
    for (std::size_t b = sample_buffers; b-- > 0;)
        free_.push_back(static_cast<std::uint16_t>(b));
    publish(0);
}

sample_area::~sample_area()
{
    if (at_ != 0)
        munmap(reinterpret_cast<void*>(at_), bytes_);
    if (fd_ >= 0)
        close(fd_);
}

std::uintptr_t sample_area::put_action(std::uintptr_t address, bool restart) noexcept
{
    const stub s = stub_at(address, restart);
    std::memcpy(head_->action, s.words.data() + stub::action / 8, sizeof head_->action);
    head_->action[0] = address + sampler_offset;
    return address + head_offset + offsetof(area_head, action);
}

std::uintptr_t sample_area::put_timer(std::uintptr_t address, const timer_plan& plan) noexcept
{
    head_->timer = plan;
    return address + head_offset + offsetof(area_head, timer);
}

void sample_area::publish(std::uint16_t era)
{
    const std::uint16_t buffer = free_.back();
    free_.pop_back();
    head_->cursors[buffer].next.store(0, std::memory_order_relaxed);   // ordered by the store below
    head_->cursors[buffer].copied.store(0, std::memory_order_relaxed); // as well
    now_ = {now_.generation + 1, era, buffer};
    // (4) release: the cursor; pairs with sampler.cpp(3)
    head_->published.store(word_of(now_), std::memory_order_release);
}

std::uint32_t sample_area::oldest_generation() const noexcept
{
    return waiting_.empty() ? now_.generation : waiting_.front().what.generation;
}

void sample_area::drain(const published_word& what, const each_sample& each)
{
    const std::uint64_t came =
        head_->cursors[what.buffer].next.load(std::memory_order_relaxed); // its handlers are gone
    const std::uint64_t written = std::min<std::uint64_t>(came, slots_of_a_buffer);
    counts_.no_room += came - written;
    const sample_slot* const slots = slots_of(at_, slots_of_a_buffer, what.buffer);
    const std::uintptr_t copies = copies_of(at_, slots_of_a_buffer, copy_room_, what.buffer);
    for (std::uint64_t i = 0; i < written; ++i) {
        const sample_slot& s = slots[i];
        // (2) acquire: the sample is whole; pairs with sampler.cpp(1)
        const bool whole = s.generation.load(std::memory_order_acquire) == what.generation;
        if (!whole || s.frames == 0 || s.frames > most_frames || s.copied > copy_room_ ||
            (s.copied != 0 && s.copy_at > copy_room_ - s.copied)) {
            ++counts_.cut_off;
            continue;
        }
        ++counts_.taken;
        const auto* const copy = reinterpret_cast<const std::byte*>(copies + (s.copied != 0 ? s.copy_at : 0));
        each({what.generation,
              s.clock,
              {s.ip, s.frames},
              s.ticks,
              s.sp,
              s.fp,
              {copy, s.copied},
              s.copied == 0 && s.copy_at == stack_is_known});
    }
    ++counts_.drained;
}

// A process was killed in a handler, or has stood in one for long. What was published in this era waits for the end.
bool sample_area::give_up_era()
{
    if (now_.era + 1u >= sampler_eras || free_.empty())
        return false;
    for (const waiting& w : waiting_)
        kept_.push_back(w.what);
    waiting_.clear();
    kept_.push_back(now_);
    publish(static_cast<std::uint16_t>(now_.era + 1));
    ++counts_.eras;
    return true;
}

bool sample_area::is_half_full() const noexcept
{
    // a hint
    const sample_cursor& c = head_->cursors[now_.buffer];
    return c.next.load(std::memory_order_relaxed) > slots_of_a_buffer / 2 ||
           c.copied.load(std::memory_order_relaxed) > copy_room_ / 2;
}

bool sample_area::turn(const each_sample& each, std::uint64_t last_death_ns)
{
    sampler_domain& readers = head_->eras[now_.era];
    while (!waiting_.empty() && readers.ended(waiting_.front().cookie)) {
        drain(waiting_.front().what, each);
        free_.push_back(waiting_.front().what.buffer);
        last_ended_since_ns_ = waiting_.front().since_ns;
        waiting_.pop_front();
    }
    const bool fast = is_half_full();
    if (!waiting_.empty() && now_ns() - waiting_.front().since_ns > patience_ns_ &&
        last_death_ns > last_ended_since_ns_ && give_up_era())
        return fast;
    // The last free one is for the next era; while another one waits, a second is swapped only where the room is needed.
    if (free_.size() < 2 || (!waiting_.empty() && !fast))
        return fast;
    const published_word before = now_;
    publish(now_.era);
    ++counts_.swaps;
    waiting_.push_back({before, readers.start_poll(), now_ns()});
    return fast;
}

void sample_area::finish(const each_sample& each)
{
    for (const published_word& k : kept_)
        drain(k, each);
    for (const waiting& w : waiting_)
        drain(w.what, each);
    drain(now_, each);
    kept_.clear();
    waiting_.clear();
    counts_.gave_up = head_->gave_up.load(std::memory_order_relaxed); // all have ended
}

} // namespace nmisim::exec
