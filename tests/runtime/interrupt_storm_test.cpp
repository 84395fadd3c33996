// SPDX-License-Identifier: MIT
//
// Short threads that nobody attached, signals to each of them, and swaps back to back. Every run of a handler is a
// signal that was handled, a thread that ends loses one at most, and no handler runs an object that was handed out. The same
// without the grace period is found each time, where handlers stay a while between their look and their use.
#include "runtime/control.hpp"
#include "runtime/entry/raise.hpp"
#include "runtime/slots.hpp"
#include "runtime_parts.hpp"
#include "support/catch2.hpp"
#include "support/child.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;

namespace {

std::atomic<std::uint64_t> late_runs{0};

/// By the calling thread, which asks for one at a time: so a thread that ends loses one at most.
thread_local std::atomic<int> taken{0};

/// Used again and never freed by the test, so that a run that comes too late can be seen. One is alive at a time.
struct witness {
    std::atomic<bool> alive{false};
    std::atomic<std::uint64_t> runs{0};
    bool dwell;
    explicit witness(bool dwells) noexcept : dwell(dwells) {}
    void operator()(const event&) noexcept
    {
        taken.fetch_add(1);
        for (int i = 0; dwell && i < 200; ++i)
            sched_yield();
        if (!alive.load())
            late_runs.fetch_add(1);
        runs.fetch_add(1);
    }
};

std::array<std::atomic<pid_t>, 8> targets;

void short_lives(int lives, std::atomic<int>& ended, const std::atomic<bool>& stop, std::size_t place)
{
    for (int i = 0; i < lives && !stop; ++i) {
        std::thread([&] {
            for (int asked = 0, n = 0; n < 20; ++n) {
                if (taken == asked) {
                    ++asked;
                    targets[place] = gettid();
                }
                sched_yield();
            }
            targets[place] = 0;
        }).join();
        ++ended;
    }
}

/// NMISIM_STORM_LIVES: a longer run by hand.
int lives_each()
{
    const char* const wanted = std::getenv("NMISIM_STORM_LIVES");
    return wanted != nullptr ? std::atoi(wanted) / 4 : 250;
}

/// exchange() with its grace period, or the form that publishes and hands out at once.
runtime::published* swap(runtime::slot_state& slot, runtime::published* fresh, bool wait)
{
    return wait ? runtime::exchange(slot, fresh, patient).old : slot.object.exchange(fresh);
}

using witness_box = runtime::box<witness>;

std::string storm(int lives, bool wait)
{
    std::uint64_t opening = 0;
    int error = 0;
    runtime::interrupt_state* const state = runtime::open_interrupt(rt(1), opening, error);
    runtime::slot_state* const slot = runtime::add_slot(*state, opening, error, slot_order::last, nullptr);
    if (slot == nullptr)
        return "not opened";
    std::vector<std::unique_ptr<witness_box>> boxes;
    for (int i = 0; i < 1024; ++i)
        boxes.push_back(std::make_unique<witness_box>(!wait));
    boxes[0]->value.alive = true;
    swap(*slot, boxes[0].get(), true);
    std::atomic<int> ended{0};
    std::atomic<bool> over{false}, stop{false};
    std::vector<std::thread> threads;
    constexpr std::size_t places = 4;
    for (std::size_t p = 0; p < places; ++p)
        threads.emplace_back([&, p] { short_lives(lives, ended, over, p); });
    std::thread raiser([&] {
        while (!stop) {
            for (std::size_t p = 0; p < places; ++p)
                if (const pid_t tid = targets[p].exchange(0); tid != 0)
                    runtime::raise(*state, tid);
            sched_yield();
        }
    });
    const int all = lives * static_cast<int>(places);
    std::uint64_t swaps = 0;
    // Without the grace period one late run is enough.
    while (ended < all && (wait || late_runs == 0)) {
        witness_box& fresh = *boxes[++swaps % boxes.size()];
        fresh.value.alive = true;
        auto* const old = static_cast<witness_box*>(swap(*slot, &fresh, wait));
        if (old == nullptr)
            return "timed out";
        old->value.alive = false;
        if (swaps % 64 == 0)
            sched_yield();
    }
    over = true;
    for (std::thread& t : threads)
        t.join();
    stop = true;
    raiser.join();
    swap(*slot, nullptr, true);
    std::uint64_t runs = 0;
    for (const auto& box : boxes)
        runs += box->value.runs;
    const interrupt_books b = runtime::read_books(*state);
    std::string text;
    if (runs != b.unattached_handled)
        text += "runs " + std::to_string(runs) + " handled " + std::to_string(b.unattached_handled);
    if (b.unattached_raised - b.unattached_handled > static_cast<std::uint64_t>(ended.load()))
        text += " lost more than threads ended";
    if (late_runs != 0)
        text += " late " + std::to_string(late_runs.load());
    std::printf("threads %d, raised %ju, handled %ju, rejected %ju, no thread %ju, swaps %ju, late %ju\n",
                ended.load(), b.unattached_raised, b.unattached_handled, b.rejected, b.no_thread, swaps,
                late_runs.load());
    std::fflush(stdout);
    return text;
}

} // namespace

TEST_CASE("handler runs are the signals handled, and none is of an object that was handed out", "[storm]")
{
    const auto seen = in_child(280, [] { return storm(lives_each(), true); });
    CHECK(seen.exited);
    CHECK(seen.text.empty());
}

TEST_CASE("without the grace period a handler is seen to run an object that was handed out, each time",
          "[storm]")
{
    for (int round = 0; round < 20; ++round) {
        const auto seen = in_child(100, [] { return storm(5000, false); });
        CHECK(seen.exited);
        CHECK(seen.text.find("late") != std::string::npos);
    }
}
