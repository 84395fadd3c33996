// SPDX-License-Identifier: MIT
//
// The supervisor's side of area.hpp: publishes buffers, waits for the handlers inside the old one, drains it.
//
//   a buffer:   free --publish--> published --another one is--> waits --grace period--> drained, free
//                                                                  \--no grace period ends--> kept --all have ended--> drained
//
// turn() never waits: a buffer whose grace period has not ended is looked at again by the next turn.
// Context: control, one thread.
#pragma once

#include "exec/profile/area.hpp"
#include "exec/profile/profile_report.hpp"

#include <deque>
#include <functional>
#include <span>
#include <vector>

namespace nmisim::exec {

struct taken_sample {
    std::uint32_t generation;
    int clock;
    std::span<const std::uintptr_t> ip; ///< innermost first
    std::uint64_t ticks = 0;            ///< own::ticks() of when it was taken
    std::uintptr_t sp = 0;
    std::uintptr_t fp = 0;
    std::span<const std::byte> stack{}; ///< a copy, from `sp` up; empty: there is none
    bool is_known = false;              ///< none was needed: known_frames.hpp
};

class sample_area {
public:
    using each_sample = std::function<void(const taken_sample&)>;

    /// `frames` of a sample at most; 1: none but the interrupted instruction. Errors: std::system_error.
    sample_area(std::uint32_t frames, bool copies_stacks, std::uint64_t patience_ns);
    ~sample_area();
    sample_area(const sample_area&) = delete;
    sample_area& operator=(const sample_area&) = delete;

    int descriptor() const noexcept { return fd_; }
    std::size_t bytes() const noexcept { return bytes_; }
    /// The action that the program is to be given that has mapped the area at `address`; where it can read it.
    std::uintptr_t put_action(std::uintptr_t address, bool restart) noexcept;

    /// The same for its timer: the plan is put there, and where it lies is returned; what the kernel has answered is read.
    std::uintptr_t put_timer(std::uintptr_t address, const timer_plan& plan) noexcept;
    int timer_id() const noexcept { return head_->timer.id; }

    /// Publishes another buffer, and drains those whose grace period has ended. `last_death_ns`: when a thread was last seen to
    /// have ended; without a death a grace period takes as long as it takes. Whether samples come fast: turn again soon.
    bool turn(const each_sample& each, std::uint64_t last_death_ns);
    /// No program has the area any more: drains all.
    void finish(const each_sample& each);

    known_frames& known() noexcept { return head_->known; }

    /// Of the buffer that is published now.
    std::uint32_t generation() const noexcept { return now_.generation; }
    /// Of the oldest one that may still be drained; those of a lost era aside.
    std::uint32_t oldest_generation() const noexcept;
    const sample_counts& counts() const noexcept { return counts_; }

private:
    struct waiting {
        published_word what;
        std::uint64_t cookie;
        std::uint64_t since_ns;
    };
    void publish(std::uint16_t era);
    void drain(const published_word& what, const each_sample& each);
    bool is_half_full() const noexcept;
    bool give_up_era();

    std::uint64_t patience_ns_;
    std::uint32_t copy_room_;
    std::size_t bytes_;
    int fd_ = -1;
    std::uintptr_t at_ = 0;
    area_head* head_ = nullptr;
    published_word now_{};
    std::deque<waiting> waiting_;
    std::vector<published_word> kept_;
    std::vector<std::uint16_t> free_;
    std::uint64_t last_ended_since_ns_ = 0; ///< when the buffer was swapped out whose grace period ended last
    sample_counts counts_;
};

} // namespace nmisim::exec
