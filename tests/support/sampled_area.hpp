// SPDX-License-Identifier: MIT
//
// The sampler and the memory that it shares, in one process: the area is mapped as a program would, and the code in it called as
// the kernel would.
#pragma once

#include "exec/profile/sample_area.hpp"

#include <csignal>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

namespace nmisim::exec {

inline constexpr std::uint64_t never_ns = ~std::uint64_t{0} >> 1;

/// A program that has the area.
class mapped_area {
public:
    explicit mapped_area(const sample_area& a)
        : bytes_(a.bytes()),
          at_(mmap(nullptr, a.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, a.descriptor(), 0))
    {
        mprotect(at_, own::page_bytes, PROT_READ | PROT_EXEC);
    }
    ~mapped_area() { munmap(at_, bytes_); }
    mapped_area(const mapped_area&) = delete;
    mapped_area& operator=(const mapped_area&) = delete;

    area_head& head() const { return head_of(reinterpret_cast<std::uintptr_t>(at_)); }

    /// The first one that is not of that buffer.
    sample_slot& slot_behind(std::size_t buffer) const
    {
        return slots_of(reinterpret_cast<std::uintptr_t>(at_), head().slots, buffer + 1)[0];
    }

    /// Of the buffer that is published.
    sample_slot& slot(std::size_t i) const
    {
        const std::uint16_t buffer = published_in(head().published.load()).buffer;
        return slots_of(reinterpret_cast<std::uintptr_t>(at_), head().slots, buffer)[i];
    }

    void interrupt(int clock, std::uintptr_t ip, std::uintptr_t sp = 0, std::uintptr_t fp = 0,
                   int code = 1) const
    {
        siginfo_t info{};
        info.si_code = code;
        info.si_fd = clock;
        ucontext_t context{};
        context.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(ip);
        context.uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(sp);
        context.uc_mcontext.gregs[REG_RBP] = static_cast<greg_t>(fp);
        call(reinterpret_cast<handler>(static_cast<char*>(at_) + sampler_offset), &info, &context);
    }

    using handler = void (*)(int, siginfo_t*, void*);
    void (*call)(handler, siginfo_t*, void*) = [](handler h, siginfo_t* info, void* context) {
        h(0, info, context);
    };

private:
    std::size_t bytes_;
    void* at_;
};

struct seen_samples {
    std::vector<std::vector<std::uintptr_t>> stacks;
    std::vector<int> clocks;
    void operator()(const taken_sample& s)
    {
        stacks.emplace_back(s.ip.begin(), s.ip.end());
        clocks.push_back(s.clock);
    }
};

struct sampled {
    explicit sampled(std::uint32_t frames = most_frames, std::uint64_t patience_ns = never_ns,
                     bool copies = false)
        : area(frames, copies, patience_ns), program(area)
    {}
    void turn()
    {
        area.turn([this](const taken_sample& s) { seen(s); }, last_death_ns);
    }
    void finish()
    {
        area.finish([this](const taken_sample& s) { seen(s); });
    }
    /// A handler that has begun and does not end.
    auto& stays_inside()
    {
        auto& head = program.head();
        const auto now = published_in(head.published.load());
        return nmisim::rcu::enter_section<sampler_platform, nmisim::rcu::srcu_orders>(
            head.eras[now.era].readers());
    }

    std::uint64_t last_death_ns = never_ns;
    sample_area area;
    mapped_area program;
    seen_samples seen;
};

} // namespace nmisim::exec
