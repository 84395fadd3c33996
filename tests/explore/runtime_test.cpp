// SPDX-License-Identifier: MIT
//
// libnmisim at each of its own instructions: a signal of somebody else arrives there, and its handler raises on the thread
// that it has interrupted. So an interrupt comes at each boundary of attach, detach, a thread's end, exchange and close. Beside each
// stands what a program could do instead, and the boundary at which that is wrong.
#include "base/signal_mask.hpp"
#include "nmisim/explore.hpp"
#include "nmisim/slot.hpp"
#include "runtime/interrupt_state.hpp"
#include "support/catch2.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <unistd.h>

using namespace nmisim;

namespace {

constexpr deadline patient{5'000'000'000};

/// What belongs to a thread, and must outlive its last interrupt.
struct thread_data {
    ~thread_data() { alive = false; }
    volatile bool alive = true;
};

int runs;
bool used_dead_data;
bool without_data;

struct handler {
    volatile bool alive = true;
    ~handler() { alive = false; }
    void operator()(const event& e) noexcept
    {
        ++runs;
        if (!alive || (e.user != nullptr && !static_cast<thread_data*>(e.user)->alive))
            used_dead_data = true;
        if (e.known_tid != 0 && e.user == nullptr)
            without_data = true;
    }
};

interrupt* opened;
slot<handler>* place_of_handler;
owned<handler> fresh;
std::optional<attachment> token;
interrupt_books before;
thread_data always_there;
std::optional<thread_data> short_lived;

/// The interrupted thread raises on itself. Closed: that is an answer.
void raise_here()
{
    opened->raise(gettid());
}

void forget()
{
    runs = 0;
    used_dead_data = without_data = false;
    before = opened->books();
}

void open()
{
    opened = new interrupt({.signal = SIGPROF});
    place_of_handler = new slot<handler>(*opened);
    (void)place_of_handler->exchange(make<handler>(), patient);
}

void attach()
{
    token.emplace(opened->attach_this_thread({.user = &always_there}));
}

void detach()
{
    token.reset();
}

/// After each run: each raise is in one book, and what was handled has run once.
const char* balance()
{
    // The thread is at rest, or gone: what can be handled has been.
    const interrupt_books b = opened->books();
    const std::uint64_t dropped = b.dropped - before.dropped;
    const std::uint64_t handled =
        b.handled - before.handled + b.unattached_handled - before.unattached_handled;
    const std::uint64_t raised = b.raised - before.raised + b.unattached_raised - before.unattached_raised;
    if (raised != handled + dropped)
        return "the books do not balance";
    if (opened->drain(deadline(0)) != outcome::drained)
        return "a drain would wait";
    if (used_dead_data)
        return "a handler used what was gone";
    if (without_data)
        return "a handler on an attached thread had no data";
    return nullptr;
}

/// Once it has left, a thread that ends is one that never attached: it may end before what is raised on it arrives.
const char* balance_of_a_thread_that_ended()
{
    before.unattached_raised = opened->books().unattached_raised;
    before.unattached_handled = opened->books().unattached_handled;
    return balance();
}

/// As balance(), and each raise that was handled has run the handler.
const char* balance_and_one_run()
{
    if (const char* const wrong = balance(); wrong != nullptr)
        return wrong;
    return runs == 1 ? nullptr : "an event ran no handler, or two";
}

// Blocks that have come back. A thread gives its own back without a lock, so another one may do so at each instruction.
runtime::thread_block back[2];
runtime::thread_block* taken;

void give_back_first()
{
    runtime::state_of(SIGPROF)->give_back(back[0]);
}

void give_back_second()
{
    runtime::state_of(SIGPROF)->give_back(back[1]);
}

void take_one()
{
    taken = runtime::state_of(SIGPROF)->take_block();
}

const char* both_are_there()
{
    int there = taken != nullptr ? 1 : 0;
    for (const runtime::thread_block* b = runtime::state_of(SIGPROF)->free_blocks; b != nullptr && there < 3;
         b = b->next_free)
        ++there;
    return there == 2 ? nullptr : "a block is lost, or there twice";
}

void check_clean(const explore::target& what)
{
    const explore::sweep_report r = explore::sweep(what);
    INFO(to_text(r));
    CHECK(r.clean());
    CHECK(r.handler_runs() > 10);
}

void check_found(const explore::target& what, const char* wrong)
{
    const explore::sweep_report r = explore::sweep(what);
    INFO(to_text(r));
    bool found = false;
    for (const explore::sweep_cell& c : r.cells)
        found |= c.verdict == explore::verdict::violation && c.what.find(wrong) != std::string::npos;
    CHECK(found);
}

/// Leaves, with the signal blocked, and forgets what is pending.
void leave_and_forget()
{
    runtime::interrupt_state& state = *runtime::state_of(SIGPROF);
    change_mask(SIG_BLOCK, SIGPROF);
    runtime::thread_block& block = *runtime::own_block(state);
    state.threads.remove(block, gettid());
    block.tid.store(0);
    pthread_setspecific(state.key, nullptr);
    state.give_back(block);
    change_mask(SIG_UNBLOCK, SIGPROF);
}

} // namespace

TEST_CASE("attach: an interrupt at each instruction is handled once, with the thread's data", "[explore]")
{
    const auto prepare = [] {
        detach();
        forget();
    };
    check_clean({.name = "attach",
                 .setup = open,
                 .prepare = prepare,
                 .window = attach,
                 .nmi = raise_here,
                 .broken = balance_and_one_run});
    check_found({.name = "attach, then say whose it is",
                 .setup = open,
                 .prepare = prepare,
                 .window =
                     [] {
                         token.emplace(opened->attach_this_thread());
                         attach();
                     },
                 .nmi = raise_here,
                 .broken = balance},
                "had no data");
}

TEST_CASE("detach: an interrupt at each instruction is handled once or dropped", "[explore]")
{
    const auto prepare = [] {
        if (!token)
            attach();
        forget();
    };
    check_clean({.name = "detach",
                 .setup = open,
                 .prepare = prepare,
                 .window = detach,
                 .nmi = raise_here,
                 .broken = balance});
    check_found({.name = "detach that forgets what is pending",
                 .setup = open,
                 .prepare =
                     [] {
                         attach();
                         forget();
                     },
                 .window = leave_and_forget,
                 .nmi = raise_here,
                 .broken = balance},
                "the books do not balance");
}

TEST_CASE(
    "a thread's end: an interrupt at each instruction is handled or dropped, and meets no data that are gone",
    "[explore]")
{
    check_clean({.name = "thread end",
                 .setup = open,
                 .prepare = forget,
                 .window = [] { (void)new attachment(opened->attach_this_thread({.user = &always_there})); },
                 .nmi = raise_here,
                 .broken = balance_of_a_thread_that_ended,
                 .thread_end = true});
    check_found({.name = "thread end, data that end before",
                 .setup = open,
                 .prepare = forget,
                 .window =
                     [] {
                         // Ends before the attachment does: thread-local objects go first.
                         static thread_local thread_data mine;
                         mine.alive = true;
                         (void)new attachment(opened->attach_this_thread({.user = &mine}));
                     },
                 .nmi = raise_here,
                 .broken = balance_of_a_thread_that_ended,
                 .thread_end = true},
                "used what was gone");
}

TEST_CASE("a thread whose end is explored has nothing of the explorer's in its heap", "[explore]")
{
    const nmisim::explore::sweep_report r =
        nmisim::explore::sweep({.name = "an end", .window = [] {}, .nmi = [] {}, .thread_end = true});
    INFO(nmisim::explore::to_text(r));
    std::map<std::uintptr_t, unsigned> rounds;
    unsigned most = 0;
    for (const nmisim::explore::place& p : r.boundaries)
        most = std::max(most, ++rounds[p.ip]);
    CHECK(most < 60); // glibc goes through 64 lists of a thread that has allocated
}

TEST_CASE("exchange: an interrupt at each instruction runs one of the two", "[explore]")
{
    const auto setup = [] {
        open();
        attach();
    };
    const auto prepare = [] {
        fresh = make<handler>();
        forget();
    };
    check_clean({.name = "exchange",
                 .setup = setup,
                 .prepare = prepare,
                 .window = [] { (void)place_of_handler->exchange(std::move(fresh), patient); },
                 .nmi = raise_here,
                 .broken = balance_and_one_run});
    check_found({.name = "take out, then put in",
                 .setup = setup,
                 .prepare = prepare,
                 .window =
                     [] {
                         (void)place_of_handler->exchange({}, patient);
                         (void)place_of_handler->exchange(std::move(fresh), patient);
                     },
                 .nmi = raise_here,
                 .broken = balance_and_one_run},
                "an event ran no handler");
}

TEST_CASE("close: an interrupt at each instruction is handled, or answered", "[explore]")
{
    const auto setup = [] {
        open();
        short_lived.emplace();
        token.emplace(opened->attach_this_thread({.user = &*short_lived}));
    };
    const auto prepare = [] {
        (void)opened->close(patient);
        delete place_of_handler;
        delete opened;
        open();
        short_lived.emplace();
        forget();
    };
    check_clean({.name = "close",
                 .setup = setup,
                 .prepare = prepare,
                 .window =
                     [] {
                         (void)opened->close(patient);
                         short_lived.reset();
                     },
                 .nmi = raise_here,
                 .broken = balance});
    check_found({.name = "data that go before the close",
                 .setup = setup,
                 .prepare = prepare,
                 .window =
                     [] {
                         short_lived.reset();
                         (void)opened->close(patient);
                     },
                 .nmi = raise_here,
                 .broken = balance},
                "used what was gone");
}

TEST_CASE("blocks that come back at the same time are all there again", "[explore]")
{
    const auto clean = [](const explore::target& what) {
        const explore::sweep_report r = explore::sweep(what);
        INFO(to_text(r));
        CHECK(r.clean());
        CHECK(r.handler_runs() == r.cells.size());
    };
    clean({.name = "give_back",
           .setup = open,
           .prepare =
               [] {
                   taken = nullptr;
                   runtime::state_of(SIGPROF)->free_blocks = nullptr;
               },
           .window = give_back_first,
           .nmi = give_back_second,
           .broken = both_are_there});
    clean({.name = "take_block",
           .setup = open,
           .prepare =
               [] {
                   taken = nullptr;
                   runtime::state_of(SIGPROF)->free_blocks = nullptr;
                   give_back_first();
               },
           .window = take_one,
           .nmi = give_back_second,
           .broken = both_are_there});
}
